// @ts-check
// The view of a transcript: it shows what Python sends, takes the visitor's changes, and keeps both in the browser.
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
    this.empty = make("p", { class: "empty" }, say("empty"));
    const { downloads, editor, player, projects, tools } = this;
    this.parts = [this.choice, player.element, tools.element, downloads.problem, editor.element, this.about];
    element.replaceChildren(this.empty, projects.element, ...this.parts);
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

  /** Show what Python sent: everything, or what is new. */
  show() {
    const value = this.props.value ?? {};
    const ends = this.running && !value.running;
    this.running = Boolean(value.running);
    if (value.append) return this.append(value);
    // A job that begins, unlike one that adds a translation, is a project of its own: no earlier one is overwritten.
    if (!value.sheets?.length) this.begin();
    this.sheets = (value.sheets ?? []).map((/** @type {any} */ sheet, /** @type {number} */ number) => {
      const known = this.sheets[number];
      return known?.address && known.sound === sheet.sound ? { ...sheet, address: known.address } : sheet;
    });
    this.current = value.current ?? Math.max(0, this.sheets.length - 1);
    this.refresh();
    if (ends) this.end();
  }

  /**
   * Add to a sheet; the cost does not depend on what it holds.
   * @param {any} value see GrowingView in kikitori/page/view.py
   */
  append({ sheet: number, append }) {
    const isNew = this.sheets.length <= number;
    if (isNew) {
      const transcript = { ...append.transcript, turns: [], warnings: [] };
      this.sheets = [...this.sheets, { transcript, times: [], rawTexts: [], sound: append.sound }];
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
    this.current = number;
    const rows = this.editor.element;
    const atEnd = rows.scrollTop + rows.clientHeight > rows.scrollHeight - 8;
    this.refresh(kept.turns);
    if (atEnd) rows.scrollTop = rows.scrollHeight;
    this.saveSoon();
  }

  /** Whoever has looked at the end reads from the start when a job is done. */
  end() {
    this.editor.element.scrollTop = 0;
    if (!this.sheets.length) return;
    this.saveNow();
    const id = this.id;
    this.sheets.forEach((sheet, number) => this.keepSound(id, number, sheet.sound));
  }

  /** Show all parts; each changes what differs from what it shows. First: the first turn that may have changed. */
  refresh(first = 0) {
    const { sheet } = this;
    for (const part of this.parts) part.hidden = !sheet;
    this.empty.hidden = Boolean(sheet) || this.running;
    this.projects.element.hidden = Boolean(sheet) || this.running;
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
    const shown = JSON.stringify([names, this.current]);
    if (shown === this.shownChoice) return;
    this.shownChoice = shown;
    const options = names.map((name, number) =>
      make("option", { value: number, selected: number === this.current }, name),
    );
    const onchange = (/** @type {any} */ event) => {
      this.current = Number(event.target.value);
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
    this.put(this.running ? undefined : this.history.undo(this.sheet));
  }

  redo() {
    this.put(this.running ? undefined : this.history.redo(this.sheet));
  }

  /** @param {any} sheet in place of the one that is shown; undefined changes nothing */
  put(sheet) {
    if (!sheet) return;
    this.sheets = this.sheets.with(Math.min(this.current, this.sheets.length - 1), sheet);
    this.refresh();
    this.saveSoon();
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const inField = event.target instanceof HTMLInputElement && ["z", "y"].includes(event.key.toLowerCase());
    if (!this.sheet || event.isComposing || inField) return; // fields of one line have an undo of their own
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
    this.following.forget();
  }

  /** Show the list of projects; the one that was shown is among them. */
  async close() {
    if (this.running) return;
    await this.saveNow();
    this.begin();
    this.remember(null);
    this.sheets = [];
    this.refresh();
  }

  /** @param {string} id of a stored project */
  async open(id) {
    const stored = await this.store.load(id);
    if (!stored || this.running) return;
    this.begin();
    this.remember(id);
    const { sheets, current } = stored.state;
    const sounds = await Promise.all(
      sheets.map((/** @type {any} */ _, /** @type {number} */ n) => this.store.loadSound(id, n)),
    );
    this.sheets = sheets.map((/** @type {any} */ sheet, /** @type {number} */ number) => ({
      ...sheet,
      address: sounds[number] && URL.createObjectURL(sounds[number]),
    }));
    this.current = current;
    this.refresh();
  }

  /** Show what this tab showed before the page was loaded again. */
  async restore() {
    const id = sessionStorage.getItem(this.key);
    if (id) await this.open(id).catch(() => {}); // a browser may forbid storage
  }

  /**
   * Add a project that was read from a file.
   * @param {{ sheets: any[], current: number }} project
   */
  async add({ sheets, current }) {
    this.begin();
    [this.sheets, this.current] = [sheets, current];
    await this.saveNow();
    this.refresh();
  }

  get key() {
    return `kikitori-${this.tab}`;
  }

  /** @param {string | null} id */
  remember(id) {
    this.id = id;
    if (id) sessionStorage.setItem(this.key, id);
    else sessionStorage.removeItem(this.key);
  }

  saveSoon() {
    this.unsavedSince ||= Date.now();
    const left = this.unsavedSince + SAVE_WITHIN_MS - Date.now();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.saveNow(), Math.max(0, Math.min(SAVE_AFTER_MS, left)));
  }

  /** Keep the project in this browser. */
  async saveNow() {
    clearTimeout(this.timer);
    this.unsavedSince = 0;
    const state = this.whole();
    if (!state) return;
    if (!this.id) this.remember(crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
    const [{ transcript }] = state.sheets;
    const entry = {
      id: this.id,
      tab: this.tab,
      name: transcript.audio,
      seconds: transcript.duration_seconds,
      changed: Date.now(),
    };
    await this.store.save(entry, { sheets: state.sheets, current: state.current }).catch(() => {}); // not in all browsers
  }

  /**
   * Keep a sound next to its project, because the server deletes it.
   * @param {string | null} id
   * @param {number} number
   * @param {string} path
   */
  async keepSound(id, number, path) {
    if (!id) return;
    try {
      const response = await fetch(fileAddress(path));
      if (response.ok) await this.store.saveSound(id, number, await response.blob());
    } catch {
      // Without it the recording can be played until the server deletes it.
    }
  }
}
