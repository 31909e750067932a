// @ts-check
// The view of a transcript: it shows what Python sends, and takes the visitor's changes.
import { isComposing } from "./caret.js";
import { clock, make } from "./dom.js";
import { Downloads } from "./downloads.js";
import { Editor } from "./editor.js";
import { Following } from "./following.js";
import { History } from "./history.js";
import { languageName, say } from "./i18n.js";
import { Keeper } from "./keeping.js";
import { joinPeaks } from "./outline.js";
import { showState } from "./panel.js";
import { Player } from "./player.js";
import { Projects } from "./projects.js";
import { Reference } from "./reference.js";
import { Recordings, stopFiles, updateFiles } from "./recordings.js";
import { setTimes, withEdge } from "./sheet.js";
import { runShortcut } from "./shortcuts.js";
import { lastBefore, placeAt, turnAt } from "./spoken.js";
import { Tools } from "./tools.js";

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
    /** @type {any[]} One per recording. */
    this.sheets = [];
    this.current = 0;
    /** @type {any[]} The files of the last job, if it had several (`FileList` in kikitori/page/file_list.py). */
    this.files = [];
    this.running = false;
    this.growing = -1; // the sheet that a job adds to
    this.hasJob = false; // whether the tab's stop button is there
    /** @type {string | null} The job whose values add to the sheets. */
    this.job = null;
    /** @type {string | null} The last job that has ended. */
    this.ended = null;
    /** When the last job has begun, in milliseconds since 1970. */
    this.begun = Date.now();
    /** @type {any[] | null} What was chosen besides the recordings when the project's first job began. */
    this.options = null;
    /** @type {Map<number, History<any>>} by sheet */
    this.histories = new Map();
    this.player = new Player(
      (jumped) => this.follow(jumped),
      (turn, isEnd, seconds) => this.moveEdge(turn, isEnd, seconds),
      (file) => this.keeper.addSound(file),
    );
    this.downloads = new Downloads(this);
    this.editor = new Editor(this);
    this.following = new Following(this.editor.element, say("back_to_position"));
    this.tools = new Tools(this);
    this.keeper = new Keeper(this, store);
    this.projects = new Projects(this, store);
    this.recordings = new Recordings(this);
    this.reference = new Reference(this);
    this.about = make("p", { class: "about" });
    const { downloads, editor, keeper, player, projects, recordings, tools } = this;
    this.parts = [recordings.element, player.element, tools.element, downloads.problem, editor.element, this.about];
    element.replaceChildren(keeper.notice, projects.element, ...this.parts);
    editor.element.after(this.following.button);
    element.addEventListener("keydown", (event) => this.press(event));
    this.refresh();
    if (props.value) this.show();
    else keeper.restore();
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
    this.growing = -1;
    if (value.sheets) this.take(value.sheets, value.first ?? 0);
    this.takeFiles(value);
    if (!this.running) this.files = stopFiles(this.files);
    if (value.added) this.put(value.added, value.sheet);
    this.refresh();
    if (ends) this.end();
  }

  /**
   * Show the recordings of a job. One that begins has none yet; it is a project of its own, and overwrites no other.
   * @param {any[]} sheets
   * @param {number} first how many of the sheets that are shown stay, as they do when a file is tried again
   */
  take(sheets, first) {
    if (!sheets.length) {
      if (!first) this.keeper.begin();
      this.reference.isAwaited = !first;
      this.begun = Date.now();
    }
    this.sheets = [...this.sheets.slice(0, first), ...sheets.map((sheet) => this.dated(sheet))];
    this.current = Math.min(this.current, Math.max(0, this.sheets.length - 1));
  }

  /** @param {{ files?: any[], first?: number }} value */
  takeFiles({ files, first }) {
    if (files) this.files = first ? updateFiles(this.files, files) : files;
  }

  /**
   * A sheet with the time at which its job began. A translation has that of its call.
   * @param {any} sheet
   */
  dated(sheet) {
    if (sheet.begun !== undefined) return sheet;
    const known = this.sheets.find(({ sound }) => sound === sheet.sound)?.begun;
    return { ...sheet, begun: known ?? this.begun };
  }

  /**
   * Add to a sheet; the cost does not depend on what it holds.
   * @param {any} value see GrowingView in kikitori/page/view.py
   */
  append(value) {
    const { job, sheet: number, append } = value;
    if (job === this.ended) return; // it was stopped, and this was under way
    if (job !== this.job) this.current = number; // the job's first recording is shown
    this.running = true;
    this.job = job;
    this.growing = number;
    const isNew = this.sheets.length <= number;
    if (isNew) {
      const transcript = { ...append.transcript, turns: [], warnings: [] };
      this.sheets = [...this.sheets, this.dated({ transcript, times: [], rawTexts: [], sound: append.sound })];
    }
    this.takeFiles(value);
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
    sheet.peaks = joinPeaks(sheet.peaks, append.peaks, kept.levels);
    sheet.length = append.length;
    this.keeper.saveSoon();
    if (isNew) this.keeper.saveNow().then(() => this.keeper.keepSounds()); // after a reload somebody may go on
    if (this.current !== number) return this.recordings.show(); // the visitor reads another recording
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
    this.keeper.saveSoon();
    this.keeper.saveNow();
    this.keeper.keepSounds();
  }

  /** Show all parts; each changes what differs from what it shows. First: the first turn that may have changed. */
  refresh(first = 0) {
    const { sheet } = this;
    for (const part of this.parts) part.hidden = !sheet;
    this.projects.element.hidden = Boolean(sheet) || this.running;
    const state = sheet || this.running ? "transcript" : "start";
    showState(this.element, state, sheet?.transcript.direction ?? "");
    this.player.show(sheet ?? null, first, this.isBusy);
    this.reference.show();
    if (!sheet) return void this.projects.show();
    this.recordings.show();
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

  /**
   * Show another recording.
   * @param {number} number of its sheet
   */
  choose(number) {
    this.current = number;
    this.tools.place = null;
    this.following.forget();
    this.refresh();
    this.keeper.saveSoon(false);
  }

  /**
   * Keep a change that the visitor made.
   * @param {any} sheet
   * @param {string | null} group see History
   */
  change(sheet, group = null) {
    if (this.isBusy || sheet === this.sheet) return;
    this.history.note(this.sheet, group);
    this.put(sheet);
  }

  /**
   * Keep what was typed into a row, which shows it already.
   * @param {any} sheet
   * @param {string} group see History
   */
  keep(sheet, group) {
    if (this.isBusy) return;
    this.history.note(this.sheet, group);
    this.sheets = this.sheets.with(this.sheets.indexOf(this.sheet), sheet);
    this.tools.showHistory();
    this.keeper.saveSoon();
  }

  /**
   * Move the start or the end of a turn.
   * @param {number} turn
   * @param {boolean} isEnd
   * @param {number} seconds
   * @param {string | null} group see History
   */
  moveEdge(turn, isEnd, seconds, group = null) {
    this.change(setTimes(this.sheet, turn, ...withEdge(this.sheet.times[turn], isEnd, seconds)), group);
  }

  undo() {
    if (this.isBusy) return;
    this.bringBack(this.history.undo(this.sheet));
  }

  redo() {
    if (this.isBusy) return;
    this.bringBack(this.history.redo(this.sheet));
  }

  /** @param {any} known what the sheet was, with the sound that it has now; null for nothing */
  bringBack(known) {
    const { sound, address } = this.sheet;
    if (known) this.put({ ...known, sound, address });
  }

  /**
   * Show a sheet in place of one, or as a new one.
   * @param {any} sheet
   * @param {number} number by default that of the sheet that is shown
   */
  put(sheet, number = Math.min(this.current, this.sheets.length - 1)) {
    const before = this.sheets[number];
    if (before) this.tools.noteTurns(before.transcript.turns, sheet.transcript.turns);
    this.sheets = this.sheets.toSpliced(number, 1, this.dated(sheet));
    this.current = number;
    this.refresh();
    this.keeper.saveSoon();
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
   * Mark the row that is being said, and show it.
   * @param {boolean} jumped whether the visitor moved the player
   */
  follow(jumped = false) {
    if (!this.sheet || !this.player.sheet) return;
    const now = this.player.now + SEEK_ERROR_SECONDS;
    const number = this.player.isInUse ? turnAt(this.sheet, now) : -1;
    const turn = this.sheet.transcript.turns[number];
    const line = turn && this.editor.rowAt(number)?.element;
    this.following.mark(line, turn, now);
    // In a pause nothing is said: a jump there leads to what was said last.
    const place = line ?? (jumped ? this.editor.rowAt(lastBefore(this.sheet, now))?.element : null);
    if (place && (this.player.isPlaying || jumped)) this.following.follow(place, jumped);
  }

  /** Put the cursor where the sound is. */
  goToSound() {
    const place = placeAt(this.sheet, this.player.now + SEEK_ERROR_SECONDS) ?? { turn: 0, from: 0 };
    this.editor.putCaret(place.turn, place.from);
    this.following.goBack();
  }

  /** What belongs to the sheets shown so far is forgotten: others take their place. */
  forget() {
    this.files = [];
    this.histories = new Map();
    this.tools.place = null;
    this.following.forget();
    this.reference.open();
  }

  /** @param {boolean} hasJob whether a job of the tab waits or runs */
  noteJob(hasJob) {
    if (hasJob === this.hasJob) return;
    this.hasJob = hasJob;
    this.refresh();
  }

  /** Whether a job waits or runs: nothing may be changed, and no other project may take its place. */
  get isBusy() {
    return this.running || this.hasJob;
  }
}
