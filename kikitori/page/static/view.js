// @ts-check
// The view of a transcript: it shows what Python sends, takes the visitor's changes, and keeps both in the browser.
import { isComposing } from "./caret.js";
import { clock, fileAddress, make } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Editor } from "./editor.js";
import { noteTime } from "./file_names.js";
import { Following } from "./following.js";
import { History } from "./history.js";
import { languageName, say } from "./i18n.js";
import { Player } from "./player.js";
import { Projects } from "./projects.js";
import { runShortcut } from "./shortcuts.js";
import { Tools } from "./tools.js";

// A change is stored after a pause, but not much later than this if there is none. Storing four hours takes a while.
const SAVE_AFTER_MS = 500;
const SAVE_WITHIN_MS = 3000;
const SEEK_ERROR_SECONDS = 0.001; // players land up to a microsecond before the place that they are sent to

/** The tab's own small storage, which a browser may forbid. */
const session = {
  get(/** @type {string} */ key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(/** @type {string} */ key, /** @type {string | null} */ value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
    } catch {
      // Then a reload shows the list of transcripts instead of the last one.
    }
  },
};

export class View {
  /**
   * @param {HTMLElement} element
   * @param {any} props of the Gradio component; `value` is what Python sent last.
   * @param {any} server functions of the Gradio component.
   * @param {string} tab
   * @param {import("./store.js").Store} store
   */
  constructor(element, props, server, tab, store) {
    this.element = element;
    this.props = props;
    this.server = server;
    this.tab = tab;
    this.store = store;
    /** @type {any[]} One per recording. */
    this.sheets = [];
    this.current = 0;
    this.running = false;
    /** @type {string | null} The stored project that is shown. */
    this.id = null;
    /** @type {string | null} The stored project that the visitor has chosen last. */
    this.wanted = null;
    /** @type {string | null} The job whose values add to the sheets. */
    this.job = null;
    /** @type {string | null} The last job that has ended. */
    this.ended = null;
    /** @type {Map<number, History<any>>} by sheet */
    this.histories = new Map();
    /** @type {ReturnType<typeof setTimeout> | undefined} Until the next save. */
    this.timer = undefined;
    this.unsavedSince = 0;
    this.shownChoice = "";
    /** @type {any} The row and the word that are being said. */
    this.said = {};
    this.player = new Player((jumped) => this.follow(jumped));
    this.downloads = new Downloads(this);
    this.editor = new Editor(this);
    this.following = new Following(this.editor.element, say("back_to_position"));
    this.tools = new Tools(this);
    this.projects = new Projects(this, store);
    this.choice = make("div");
    this.about = make("p", { class: "about" });
    /** Says that the browser keeps nothing. */
    this.notKept = make("div", { role: "status" });
    const { downloads, editor, player, projects, tools } = this;
    this.parts = [this.choice, player.element, tools.element, downloads.problem, editor.element, this.about];
    element.replaceChildren(this.notKept, projects.element, ...this.parts);
    editor.element.after(this.following.button);
    element.addEventListener("keydown", (event) => this.press(event));
    this.refresh();
    if (props.value) this.show();
    else this.restore();
  }

  get sheet() {
    return this.sheets[Math.min(this.current, this.sheets.length - 1)];
  }

  get history() {
    const known = this.histories.get(this.current) ?? new History();
    this.histories.set(this.current, known);
    return known;
  }

  /** All that is shown, as Python takes it; null if nothing is. */
  whole() {
    if (!this.sheets.length) return null;
    const sheets = this.sheets.map(({ rawTexts, address, ...sheet }) => {
      if (!rawTexts) return sheet;
      return { ...sheet, transcript: { ...sheet.transcript, raw_text: rawTexts.join("\n") } };
    });
    return { sheets, running: this.running, current: this.current };
  }

  /** Show what Python sent: everything, what is new, or that a job has begun or ended. */
  show() {
    const value = this.props.value ?? {};
    if (value.append) return this.append(value);
    const ends = this.running && !value.running;
    this.running = Boolean(value.running);
    if (value.sheets) this.take(value.sheets);
    if (value.added) this.put(value.added, value.sheet);
    this.refresh();
    if (ends) this.end();
  }

  /**
   * Show the recordings of a job. One that begins has none yet; it is a project of its own, and overwrites no other.
   * @param {any[]} sheets
   */
  take(sheets) {
    if (!sheets.length) this.begin();
    this.sheets = sheets;
    this.current = Math.min(this.current, Math.max(0, sheets.length - 1));
  }

  /**
   * Add to a sheet; the cost does not depend on what it holds.
   * @param {any} value see GrowingView in kikitori/page/view.py
   */
  append({ job, sheet: number, append }) {
    if (job === this.ended) return; // it was stopped, and this was under way
    this.running = true;
    this.job = job;
    const isNew = this.sheets.length <= number;
    if (isNew) {
      const transcript = { ...append.transcript, turns: [], warnings: [] };
      this.sheets = [...this.sheets, { transcript, times: [], rawTexts: [], sound: append.sound }];
      this.current = number;
    }
    const { kept } = append;
    const sheet = this.sheets[number];
    const { turns, warnings } = sheet.transcript;
    turns.splice(kept.turns, Infinity, ...append.transcript.turns);
    warnings.splice(kept.warnings, Infinity, ...append.transcript.warnings, ...append.partial);
    sheet.times.splice(kept.turns, Infinity, ...append.times);
    sheet.rawTexts.splice(kept.raw_texts, Infinity, ...append.raw_texts);
    sheet.transcript.duration_seconds = append.transcript.duration_seconds;
    sheet.transcript.language = append.transcript.language;
    sheet.speakers = append.speakers;
    sheet.estimated = append.estimated;
    sheet.peaks = append.peaks;
    sheet.length = append.length;
    this.saveSoon();
    if (this.current !== number) return; // the visitor reads another recording
    const rows = this.editor.element;
    const atEnd = rows.scrollTop + rows.clientHeight > rows.scrollHeight - 8;
    this.refresh(isNew ? 0 : kept.turns);
    if (atEnd) rows.scrollTop = rows.scrollHeight;
  }

  /** Whoever has looked at the end reads from the start when a job is done. */
  end() {
    this.ended = this.job;
    this.editor.element.scrollTop = 0;
    if (!this.sheets.length) return;
    this.saveSoon();
    this.saveNow();
    this.keepSounds();
  }

  /** Show all parts; each changes what differs from what it shows. First: the first turn that may have changed. */
  refresh(first = 0) {
    const { sheet } = this;
    for (const part of this.parts) part.hidden = !sheet;
    this.projects.element.hidden = Boolean(sheet) || this.running;
    const panel = /** @type {HTMLElement | null} */ (this.element.closest("[role=tabpanel]"));
    if (panel) panel.dataset.state = sheet || this.running ? "transcript" : "start";
    this.player.show(sheet ?? null, first);
    if (!sheet) return void this.projects.show();
    noteTime(sheet);
    this.showChoice();
    this.editor.show();
    this.tools.show();
    this.showAbout();
    this.follow();
  }

  showAbout() {
    const { duration_seconds, language, checkpoint, turns } = this.sheet.transcript;
    const detected = turns.map((/** @type {any} */ turn) => turn.language).filter(Boolean);
    const languages = [...new Set(detected.length ? detected : [language])].filter(Boolean).map(languageName);
    this.about.textContent = [clock(duration_seconds), languages.join(", "), checkpoint].filter(Boolean).join(" · ");
  }

  showChoice() {
    const names = this.sheets.map(({ transcript }) =>
      [transcript.audio, languageName(transcript.language)].filter(Boolean).join(" · "),
    );
    const shown = JSON.stringify(names);
    if (shown !== this.shownChoice) this.makeChoice(names);
    this.shownChoice = shown;
    const select = this.choice.querySelector("select");
    if (select) select.value = String(this.current);
  }

  /** @param {string[]} names of the recordings */
  makeChoice(names) {
    const options = names.map((name, number) => make("option", { value: number }, name));
    const onchange = (/** @type {any} */ event) => {
      this.current = Number(event.target.value);
      this.tools.place = null;
      this.refresh();
      this.saveSoon();
    };
    const choice = make("label", { class: "choice" }, say("recording"), make("select", { onchange }, ...options));
    this.choice.replaceChildren(
      names.length > 1 ? choice : make("h3", { class: "title" }, this.sheet.transcript.audio),
    );
  }

  /**
   * Keep a change that the visitor made.
   * @param {any} sheet
   * @param {string | null} group see History
   */
  change(sheet, group = null) {
    if (this.running || sheet === this.sheet) return;
    this.history.note(this.sheet, group);
    this.put(sheet);
  }

  undo() {
    if (this.running) return;
    const earlier = this.history.undo(this.sheet);
    if (earlier) this.put(earlier);
  }

  redo() {
    if (this.running) return;
    const later = this.history.redo(this.sheet);
    if (later) this.put(later);
  }

  /**
   * Show a sheet in place of one, or as a new one.
   * @param {any} sheet
   * @param {number} number by default that of the sheet that is shown
   */
  put(sheet, number = Math.min(this.current, this.sheets.length - 1)) {
    this.sheets = this.sheets.toSpliced(number, 1, sheet);
    this.current = number;
    this.refresh();
    this.saveSoon();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { target } = event;
    const isTyped = target instanceof HTMLInputElement && ["text", "search"].includes(target.type);
    const hasOwnUndo = isTyped && ["z", "y"].includes(event.key.toLowerCase());
    if (!this.sheet || isComposing(event) || hasOwnUndo) return;
    if (runShortcut(this, event)) event.preventDefault();
  }

  /**
   * When a place in the text is said.
   * @param {{ turn: number, from: number }} place
   */
  timeOf({ turn, from }) {
    let until = 0;
    const { words } = this.sheet.transcript.turns[turn];
    const word = words.find((/** @type {any} */ one) => (until += [...one.text].length) > from);
    return word?.start_seconds ?? this.sheet.times[turn][0];
  }

  /**
   * Mark the row that is being said, and show it.
   * @param {boolean} jumped whether the visitor moved the player
   */
  follow(jumped = false) {
    if (!this.sheet || !this.player.sheet) return;
    const now = this.player.now + SEEK_ERROR_SECONDS;
    const number = this.player.isInUse ? this.turnAt(now) : -1;
    const turn = this.sheet.transcript.turns[number];
    const line = turn && this.editor.rowAt(number)?.element;
    this.mark(line, turn, now);
    // In a pause nothing is said: a jump there leads to what was said last.
    const place = line ?? (jumped ? this.editor.rowAt(this.lastBefore(now))?.element : null);
    if (place && (this.player.isPlaying || jumped)) this.following.follow(place, jumped);
  }

  /**
   * The last turn with text that began before a time.
   * @param {number} seconds
   */
  lastBefore(seconds) {
    const { transcript, times } = this.sheet;
    return times.findLastIndex(
      (/** @type {[number, number]} */ [start], /** @type {number} */ number) =>
        transcript.turns[number].text !== "" && start <= seconds,
    );
  }

  /** @param {number} seconds */
  turnAt(seconds) {
    const { transcript, times } = this.sheet;
    return times.findLastIndex(
      (/** @type {[number, number]} */ [start, end], /** @type {number} */ number) =>
        transcript.turns[number].text !== "" && start <= seconds && seconds < end,
    );
  }

  /**
   * Mark a row and its word, and unmark those before.
   * @param {HTMLElement | undefined} line
   * @param {any} turn
   * @param {number} seconds
   */
  mark(line, turn, seconds) {
    const spoken = turn?.words.findLastIndex((/** @type {any} */ word) => word.start_seconds <= seconds);
    const word = line?.querySelectorAll(".word")[spoken];
    if (this.said.line !== line) this.said.line?.removeAttribute("aria-current");
    if (this.said.word !== word) this.said.word?.classList.remove("now");
    line?.setAttribute("aria-current", "true");
    word?.classList.add("now");
    this.said = { line, word };
  }

  /** Begin a project. */
  begin() {
    this.saveNow();
    this.id = null;
    this.histories = new Map();
    this.tools.place = null;
    this.following.forget();
  }

  /** Whether a job waits or runs, so that no other project may take its place. */
  get isBusy() {
    return this.running || Boolean(this.element.closest("[role=tabpanel]")?.querySelector(".start[inert]"));
  }

  /** Show the list of projects; the one that was shown is among them. */
  async close() {
    if (this.isBusy) return;
    await this.saveNow();
    if (this.isBusy) return;
    this.begin();
    this.remember(null);
    this.sheets = [];
    this.refresh();
  }

  /** @param {string} id of a stored project */
  async open(id) {
    this.wanted = id;
    const stored = await this.store.load(id);
    if (!stored) return;
    const sounds = await Promise.all(
      stored.state.sheets.map((/** @type {any} */ _, /** @type {number} */ number) => this.store.loadSound(id, number)),
    );
    if (this.isBusy || this.wanted !== id) return; // a job has begun meanwhile, or another project was chosen
    this.begin();
    this.remember(id);
    this.sheets = stored.state.sheets.map((/** @type {any} */ sheet, /** @type {number} */ number) => ({
      ...sheet,
      address: sounds[number] && URL.createObjectURL(sounds[number]),
    }));
    this.current = stored.state.current;
    this.refresh();
    this.keepSounds();
  }

  /** Show what this tab showed before the page was loaded again. */
  async restore() {
    const id = session.get(this.key);
    if (id) await this.open(id).catch(() => {}); // a browser may forbid storage
  }

  /**
   * Add a project that was read from a file.
   * @param {{ sheets: any[], current: number }} project
   */
  async add({ sheets, current }) {
    if (this.isBusy) return;
    this.begin();
    [this.sheets, this.current] = [sheets, current];
    this.refresh();
    this.saveSoon();
    await this.saveNow();
  }

  get key() {
    return `kikitori-${this.tab}`;
  }

  /** @param {string | null} id */
  remember(id) {
    this.id = id;
    session.set(this.key, id);
  }

  saveSoon() {
    this.unsavedSince ||= Date.now();
    const left = this.unsavedSince + SAVE_WITHIN_MS - Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.saveNow(), Math.max(0, Math.min(SAVE_AFTER_MS, left)));
  }

  /** Keep the project in this browser, if it has changed. */
  async saveNow() {
    clearTimeout(this.timer);
    const state = this.whole();
    if (!state || !this.unsavedSince) return;
    this.unsavedSince = 0;
    if (!this.id) this.remember(crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
    const [{ transcript }] = state.sheets;
    const about = { name: transcript.audio, seconds: transcript.duration_seconds, changed: Date.now() };
    try {
      await this.store.save({ id: this.id, tab: this.tab, ...about }, { sheets: state.sheets, current: state.current });
      this.notKept.replaceChildren();
    } catch {
      // A browser may forbid storage, or be full.
      this.notKept.replaceChildren(make("p", { class: "speech-warning" }, say("not_kept")));
    }
  }

  /** Keep the sounds next to their project, because the server deletes them. */
  async keepSounds() {
    const { id } = this;
    for (const [number, { sound, address }] of this.sheets.entries()) {
      if (!id || !sound || address) continue;
      try {
        const response = await fetch(fileAddress(sound));
        if (response.ok) await this.store.saveSound(id, number, await response.blob());
      } catch {
        // Without it the recording can be played until the server deletes it.
      }
    }
  }
}
