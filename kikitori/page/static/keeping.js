// @ts-check
// Keeping a view's project in the browser: it is saved as it changes, and opened again.
import { fileAddress, make } from "./dom.js";
import { emptyBox } from "./file_box.js";
import { audioName, countRecordings } from "./file_names.js";
import { say } from "./i18n.js";
import { isLeft, listRecordings, stopFiles } from "./recordings.js";
import { session } from "./session.js";

// A change is stored after a pause, but not much later than this if there is none. Storing four hours takes a while.
const SAVE_AFTER_MS = 500;
const SAVE_WITHIN_MS = 3000;

const newId = () => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/**
 * Clear what is said of another recording: the message, and the comparison with a reference.
 * @param {any} view
 */
function clearMessages({ element }) {
  const said = element.closest("[role=tabpanel]")?.querySelectorAll(".block .message, .block .comparison") ?? [];
  for (const part of said) part.replaceChildren();
}

/**
 * What a list shows of a project: the name of its first recording and how long the longest transcript of it is, how many
 * other recordings there are, and whether one was not transcribed to its end.
 * @param {any[]} sheets
 * @param {any[]} files
 */
export function describe(sheets, files) {
  const name = audioName(sheets[0]);
  const lengths = sheets.filter((one) => audioName(one) === name).map(({ transcript }) => transcript.duration_seconds);
  const more = Math.max(countRecordings(sheets), files.length) - 1;
  const isStopped = listRecordings(stopFiles(files), sheets).some((entry) => isLeft(entry, sheets));
  return { name, seconds: Math.max(...lengths), more, isStopped };
}

export class Keeper {
  /**
   * @param {any} view
   * @param {import("./store.js").Store} store
   */
  constructor(view, store) {
    this.view = view;
    this.store = store;
    /** @type {string | null} The stored project that is shown. */
    this.id = null;
    /** When that project had been changed when it was opened. */
    this.known = 0;
    /** Whether that project is a copy, made because another page has changed the first one. */
    this.isCopy = false;
    /** @type {Map<string, string>} A project that another page has changed -> the copy. */
    this.copies = new Map();
    /** Stands for this view among those of all pages. */
    this.writer = newId();
    /** @type {string | null} The stored project that the visitor has chosen last. */
    this.wanted = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} Until the next save. */
    this.timer = undefined;
    this.unsavedSince = 0;
    /** Whether the visitor or a job has changed what is unsaved, and not only chosen another recording. */
    this.isChanged = false;
    /** Says that the browser keeps nothing, or a copy. */
    this.notice = make("div", { role: "status" });
    this.noticed = "";
    /** @type {Set<string>} Sounds that are kept: project and number of the sheet. */
    this.kept = new Set();
  }

  get key() {
    return `kikitori-${this.view.tab}`;
  }

  /** @param {string | null} id */
  remember(id) {
    this.id = id;
    session.set(this.key, id);
  }

  /** @param {"" | "not_kept" | "kept_as_copy"} key of the sentence, or none */
  note(key) {
    this.noticed = key;
    this.notice.replaceChildren(...(key ? [make("p", { class: "speech-warning" }, say(key))] : []));
  }

  /** Begin a project. */
  begin() {
    this.saveNow();
    const addresses = this.view.sheets.map((/** @type {any} */ { address }) => address).filter(Boolean);
    queueMicrotask(() => addresses.forEach(URL.revokeObjectURL)); // once others have taken their place
    this.id = null;
    this.isCopy = false;
    this.note("");
    this.view.forget();
  }

  /**
   * Show the start, where nothing is chosen, with the list of projects; the one that was shown is among them. If the
   * browser could not keep it, the visitor is asked first.
   * @returns {Promise<boolean>} whether the start is shown
   */
  async close() {
    const { view } = this;
    this.wanted = null;
    if (view.isBusy) return false;
    await this.saveNow();
    if (view.isBusy || (this.noticed === "not_kept" && !confirm(say("not_kept")))) return false;
    this.begin();
    this.remember(null);
    view.sheets = [];
    clearMessages(view);
    view.refresh();
    await emptyBox(view);
    return true;
  }

  /** @param {string} id of a stored project */
  async open(id) {
    const { store, view } = this;
    this.wanted = id;
    const stored = await store.load(id);
    if (!stored) return;
    const sounds = await Promise.all(
      stored.state.sheets.map((/** @type {any} */ _, /** @type {number} */ number) => store.loadSound(id, number)),
    );
    if (view.isBusy || this.wanted !== id) return; // a job has begun meanwhile, or another project was chosen
    this.begin();
    clearMessages(view);
    view.files = stopFiles(stored.state.files ?? []);
    view.options = stored.state.options ?? null;
    this.copies.delete(id); // it is a version of its own from now on
    this.remember(id);
    this.known = stored.entry.changed;
    this.isCopy = Boolean(stored.entry.copy);
    view.sheets = stored.state.sheets.map((/** @type {any} */ sheet, /** @type {number} */ number) => ({
      begun: stored.entry.changed, // of a project that an earlier version of the page has stored
      ...sheet,
      address: sounds[number] && URL.createObjectURL(sounds[number]),
    }));
    view.current = stored.state.current;
    view.reference.open(stored.state.references ?? [stored.state.reference ?? ""]);
    view.refresh();
    this.keepSounds();
  }

  /** Show what this tab showed before the page was loaded again. */
  async restore() {
    const id = session.get(this.key);
    if (id) await this.open(id).catch(() => {}); // a browser may forbid storage
  }

  /**
   * Add a project that was read from a file.
   * @param {{ sheets: any[], current: number, references: string[] }} project
   */
  async add({ sheets, current, references }) {
    const { view } = this;
    if (view.isBusy) return;
    this.begin();
    view.options = null;
    view.sheets = sheets.map((sheet) => ({ begun: Date.now(), ...sheet }));
    view.current = current;
    view.reference.open(references);
    view.refresh();
    this.saveSoon();
    await this.saveNow();
  }

  /** @param {boolean} isChange false if the visitor has only chosen another recording */
  saveSoon(isChange = true) {
    this.isChanged ||= isChange;
    this.unsavedSince ||= Date.now();
    const left = this.unsavedSince + SAVE_WITHIN_MS - Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.saveNow(), Math.max(0, Math.min(SAVE_AFTER_MS, left)));
  }

  /** Keep the project in this browser, if it has changed. */
  async saveNow() {
    clearTimeout(this.timer);
    const { tab } = this.view;
    const state = this.view.whole();
    if (!state || !this.unsavedSince) return;
    this.unsavedSince = 0;
    if (!this.id) this.remember(newId());
    const isChanged = this.isChanged;
    this.isChanged = false;
    const about = { ...describe(state.sheets, this.view.files), changed: Date.now() };
    const entry = { id: this.id, tab, copy: this.isCopy, writer: this.writer, ...about };
    try {
      const { files, options, reference } = this.view;
      const kept = { sheets: state.sheets, current: state.current, files, options, references: reference.texts };
      const isSaved = await this.store.save(entry, kept, this.known);
      if (!isSaved && isChanged) await this.saveCopy(entry, kept); // a mere choice is not worth a copy
      if (this.noticed === "not_kept") this.note("");
    } catch {
      this.unsavedSince ||= Date.now(); // the next time may go better
      this.isChanged ||= isChanged;
      this.note("not_kept"); // a browser may forbid storage, or be full
    }
  }

  /**
   * Keep both: what another page has made of a project, and what this one has.
   * @param {any} entry
   * @param {any} state
   * @returns {Promise<void>}
   */
  async saveCopy(entry, state) {
    const id = this.copies.get(entry.id) ?? newId();
    this.copies.set(entry.id, id);
    if (!(await this.store.save({ ...entry, id, copy: true }, state, 0))) {
      this.copies.delete(entry.id); // another page has changed the copy as well
      return this.saveCopy(entry, state);
    }
    if (this.id !== entry.id) return; // another project is shown by now
    this.remember(id);
    this.isCopy = true;
    this.note("kept_as_copy");
    await this.keepSounds(true);
  }

  /**
   * Give the transcript that is shown its recording, and with it all others of the same name that have none, such as
   * its translation.
   * @param {Blob} sound
   */
  async addSound(sound) {
    const { store, view } = this;
    const { audio } = view.sheet.transcript;
    const address = URL.createObjectURL(sound);
    const isSilent = (/** @type {any} */ sheet) => !sheet.sound && sheet.transcript.audio === audio;
    const { sheets } = view;
    view.sheets = sheets.map((/** @type {any} */ sheet) => (isSilent(sheet) ? { ...sheet, address } : sheet));
    view.refresh();
    this.saveSoon();
    await this.saveNow();
    const { id } = this;
    for (const [number, sheet] of sheets.entries()) {
      if (id && isSilent(sheet)) await store.saveSound(id, number, sound).catch(() => this.note("not_kept"));
    }
  }

  /**
   * Keep the sounds next to their project, because the server deletes them.
   * @param {boolean} isCopy whether those that are kept belong to another project
   */
  async keepSounds(isCopy = false) {
    const { id } = this;
    for (const [number, { sound, address }] of this.view.sheets.entries()) {
      const key = `${id} ${number}`;
      if (!id || !(sound || address) || (address && !isCopy) || this.kept.has(key)) continue; // it is kept already
      try {
        const response = await fetch(address ?? fileAddress(sound));
        if (!response.ok) continue;
        await this.store.saveSound(id, number, await response.blob());
        this.kept.add(key);
      } catch {
        // Without it the recording can be played until the server deletes it.
      }
    }
  }
}
