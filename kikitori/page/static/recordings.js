// @ts-check
// The list of a job's recordings: how far each has got, why one failed, and which one is shown.
import { clock, make } from "./dom.js";
import { audioName } from "./file_names.js";
import { isIncomplete, languageName, makeError, PAGE_TABS, say } from "./i18n.js";
import { take } from "./offers.js";
import { toast } from "./toast.js";
import { uploaded } from "./uploads.js";

/**
 * What the list shows: each file of the job, and each transcript that is of none of them, such as a translation.
 * @param {any[]} files as `FileList` in kikitori/page/file_list.py describes them
 * @param {any[]} sheets
 * @param {number} growing the sheet that a job adds to; -1 for none
 */
export function listRecordings(files, sheets, growing = -1) {
  const ofFiles = new Set(files.map((file) => file.sheet));
  const others = sheets.map((sheet, number) => ({
    sheet: number,
    state: stateOf(sheet, number === growing),
  }));
  return [...files, ...others.filter(({ sheet }) => !ofFiles.has(sheet))].map((entry) => withDoubt(entry, sheets));
}

/**
 * An entry that is done is incomplete if a warning says that its text may be missing or wrong.
 * @param {any} entry
 * @param {any[]} sheets
 */
function withDoubt(entry, sheets) {
  const isDoubtful = entry.state === "done" && sheets[entry.sheet]?.transcript.warnings.some(isIncomplete);
  return isDoubtful ? { ...entry, state: "incomplete" } : entry;
}

/**
 * @param {any} sheet
 * @param {boolean} isGrowing
 */
function stateOf({ transcript }, isGrowing) {
  if (isGrowing) return "running";
  return transcript.warnings.some((/** @type {any} */ { kind }) => kind === "partial") ? "stopped" : "done";
}

/**
 * Whether nobody has come to the end of an entry's recording: not the job that it is of, and no later one.
 * @param {any} entry
 * @param {any[]} sheets
 */
export function isLeft({ state, sheet, path }, sheets) {
  if (state === "failed" || sheet === undefined) return ["failed", "stopped"].includes(state);
  const { sound, transcript } = sheets[sheet];
  const isSame = (/** @type {any} */ one) => one.sound === sound && one.transcript.direction === transcript.direction;
  const isTakenUp = sheets.some((other, number) => number > sheet && sound && isSame(other));
  return state === "stopped" && !isTakenUp && Boolean(path || sound || sheets[sheet].address);
}

/**
 * Replace what is known of files by what is newer, and add what is new.
 * @param {any[]} files
 * @param {any[]} newer
 */
export function updateFiles(files, newer) {
  const isOf = (/** @type {any} */ one) => (/** @type {any} */ other) => one.path === other.path;
  const added = newer.filter((file) => !files.some(isOf(file)));
  return [...files.map((file) => newer.find(isOf(file)) ?? file), ...added];
}

/**
 * What is known of files once no job runs: those that it did not come to the end of were stopped.
 * @param {any[]} files
 */
export const stopFiles = (files) =>
  files.map((file) => (["running", "waiting"].includes(file.state) ? { ...file, state: "stopped" } : file));

export class Recordings {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    this.shown = "";
    this.element = make("div", { class: "recordings" });
  }

  /** Show the list, or the name of the only recording. */
  show() {
    const { current, files, growing, isBusy, sheets } = this.view;
    const entries = listRecordings(files, sheets, growing).map((entry) => ({
      ...entry,
      ...this.describe(entry),
      canGoOn: this.canGoOn(entry),
    }));
    const shown = JSON.stringify([entries, current, isBusy]);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.id : "";
    this.element.replaceChildren(...(entries.length > 1 ? this.makeTable(entries) : this.makeTitle(entries[0])));
    if (focused) document.getElementById(focused)?.focus();
  }

  /** @param {any} entry */
  describe({ sheet, name }) {
    const shown = this.view.sheets[sheet];
    if (!shown) return { label: name, length: "" };
    const { transcript } = shown;
    const label = [audioName(shown), languageName(transcript.language)].filter(Boolean).join(" · ");
    return { label, length: clock(transcript.duration_seconds) };
  }

  /**
   * The id of a button, by which it keeps the focus when the table is made anew.
   * @param {string} what it does
   * @param {any} which
   */
  idOf(what, which) {
    return `${this.view.tab}-${what}-${which}`;
  }

  /** @param {any} entry */
  makeTitle(entry) {
    const title = make("h3", { class: "title" }, audioName(this.view.sheets[entry.sheet]));
    return entry.canGoOn ? [title, make("p", { class: "left" }, ...this.makeState(entry))] : [title];
  }

  /** @param {any[]} entries */
  makeTable(entries) {
    const titles = ["recording", "length", "state"].map((key) => make("th", { scope: "col" }, say(key)));
    const rows = entries.map((entry) => this.makeRow(entry));
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...rows));
    const left = entries.filter((entry) => entry.canGoOn);
    return left.length > 1 ? [table, this.makeButton(say("go_on_with_all", left.length), left, "all")] : [table];
  }

  /** @param {any} entry */
  makeRow(entry) {
    const { label, length, sheet } = entry;
    const isOpen = sheet === this.view.current;
    const open = () => this.view.choose(sheet);
    const name = this.view.sheets[sheet]
      ? make(
          "button",
          { id: this.idOf("open", sheet), class: "plain open", "aria-current": isOpen ? "true" : null, onclick: open },
          label,
        )
      : label;
    const cells = [[name], [length], this.makeState(entry)];
    return make("tr", {}, ...cells.map((parts) => make("td", {}, ...parts)));
  }

  /** @param {any} entry */
  makeState(entry) {
    const { state, path, error, sheet } = entry;
    const shown = error
      ? make("div", { class: "speech-error", role: "alert" }, makeError(error))
      : make("span", {}, say(`state_${state}`));
    if (!entry.canGoOn) return [shown];
    const label = say(state === "stopped" ? "go_on" : "retry");
    return [shown, " ", this.makeButton(label, [entry], path ?? sheet)];
  }

  /**
   * Whether its recording can be transcribed to its end here. The translation of a call is begun anew instead.
   * @param {any} entry
   */
  canGoOn(entry) {
    const { isBusy, sheets, tab } = this.view;
    const direction = sheets[entry.sheet]?.transcript.direction;
    const isHere = !direction || PAGE_TABS[tab].directions.includes(direction);
    return !isBusy && isHere && isLeft(entry, sheets);
  }

  /**
   * @param {string} label
   * @param {any[]} entries that it transcribes to their end
   * @param {any} which names them in its id
   */
  makeButton(label, entries, which) {
    return make("button", { id: this.idOf("retry", which), class: "plain", onclick: () => this.goOn(entries) }, label);
  }

  /**
   * What is chosen for the recordings that are left: the same as for the others of the project.
   * @param {any[]} shown that the tab shows now
   */
  optionsOf(shown) {
    const { options, sheet, tab } = this.view;
    const chosen = options ?? shown;
    const hasDirection = PAGE_TABS[tab].directions.includes(chosen[0]);
    return hasDirection && sheet ? [sheet.transcript.direction, ...chosen.slice(1)] : chosen;
  }

  /**
   * Transcribe recordings to their end. Their transcripts are added to the others.
   * @param {any[]} entries
   */
  async goOn(entries) {
    const { sheets, tab } = this.view;
    const found = entries.map(async ({ sheet, path, name }) => {
      const shown = sheets[sheet];
      return { path: shown ? await uploaded(this.view, shown) : path, name: shown?.transcript.audio ?? name };
    });
    const recordings = await Promise.all(found);
    if (this.view.isBusy) return;
    if (recordings.some(({ path }) => !path)) return toast(say("recording_gone"));
    take(`retry_${tab}`, recordings);
  }
}
