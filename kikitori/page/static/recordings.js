// @ts-check
// The list of a job's recordings: how far each has got, why one failed, and which one is shown.
import { clock, make } from "./dom.js";
import { audioName } from "./file_names.js";
import { languageName, makeError, say } from "./i18n.js";
import { take } from "./offers.js";

/**
 * What the list shows: each file of the job, and each transcript that is of none of them, such as a translation.
 * @param {any[]} files as `FileList` in kikitori/page/file_list.py describes them
 * @param {any[]} sheets
 * @param {boolean} running whether a job adds to the last sheet
 */
export function listRecordings(files, sheets, running = false) {
  const ofFiles = new Set(files.map((file) => file.sheet));
  const others = sheets.map((sheet, number) => ({
    sheet: number,
    state: stateOf(sheet, running && number === sheets.length - 1),
  }));
  return [...files, ...others.filter(({ sheet }) => !ofFiles.has(sheet))];
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
 * Replace what is known of files by what is newer.
 * @param {any[]} files
 * @param {any[]} newer
 */
export const updateFiles = (files, newer) => files.map((file) => newer.find(({ path }) => path === file.path) ?? file);

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
    const { current, files, isBusy, running, sheets } = this.view;
    const entries = listRecordings(files, sheets, running).map((entry) => ({ ...entry, ...this.describe(entry) }));
    const shown = JSON.stringify([entries, current, isBusy]);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.id : "";
    this.element.replaceChildren(entries.length > 1 ? this.makeTable(entries) : this.makeTitle(entries[0]));
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
  makeTitle({ sheet }) {
    return make("h3", { class: "title" }, audioName(this.view.sheets[sheet]));
  }

  /** @param {any[]} entries */
  makeTable(entries) {
    const titles = ["recording", "length", "state"].map((key) => make("th", { scope: "col" }, say(key)));
    const rows = entries.map((entry) => this.makeRow(entry));
    return make("table", {}, make("thead", {}, make("tr", {}, ...titles)), make("tbody", {}, ...rows));
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
  makeState({ state, path, name, error, sheet }) {
    const shown = error
      ? make("div", { class: "speech-error", role: "alert" }, makeError(error))
      : make("span", {}, say(`state_${state}`));
    const isLeft = state === "failed" || (state === "stopped" && sheet === undefined);
    if (!isLeft || this.view.isBusy) return [shown];
    const again = () => take(`retry_${this.view.tab}`, path, name);
    return [shown, " ", make("button", { id: this.idOf("retry", path), class: "plain", onclick: again }, say("retry"))];
  }
}
