// @ts-check
// The list of a job's recordings: how far each has got, why one failed, and which one is shown.
import { clock, make } from "./dom.js";
import { audioName } from "./file_names.js";
import { languageName, makeError, say } from "./i18n.js";
import { take } from "./offers.js";

/**
 * What the list shows: each file of the job, and each transcript that is of none of them, such as a translation.
 * @param {any[]} files as `read_recordings` in kikitori/page/jobs.py describes them
 * @param {any[]} sheets
 */
export function listRecordings(files, sheets) {
  const ofFiles = new Set(files.map((file) => file.sheet));
  const others = sheets
    .map((_, number) => ({ state: "done", sheet: number }))
    .filter(({ sheet }) => !ofFiles.has(sheet));
  return [...files, ...others];
}

/**
 * Replace what is known of files by what is newer.
 * @param {any[]} files
 * @param {any[]} newer
 */
export const updateFiles = (files, newer) => files.map((file) => newer.find(({ path }) => path === file.path) ?? file);

export class Recordings {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    this.shown = "";
    this.element = make("div", { class: "recordings" });
  }

  /** Show the list, or the name of the only recording. */
  show() {
    const { current, files, running, sheets } = this.view;
    const entries = listRecordings(files, sheets).map((entry) => ({ ...entry, ...this.describe(entry) }));
    const shown = JSON.stringify([entries, current, running]);
    if (shown === this.shown) return;
    this.shown = shown;
    const focused = [...this.element.querySelectorAll("button")].findIndex((one) => one === document.activeElement);
    this.element.replaceChildren(entries.length > 1 ? this.makeTable(entries) : this.makeTitle(entries[0]));
    this.element.querySelectorAll("button")[focused]?.focus();
  }

  /** @param {any} entry */
  describe({ sheet, name }) {
    const shown = this.view.sheets[sheet];
    if (!shown) return { label: name, seconds: null };
    const { transcript } = shown;
    const label = [audioName(shown), languageName(transcript.language)].filter(Boolean).join(" · ");
    return { label, seconds: transcript.duration_seconds };
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
    const { label, seconds, sheet } = entry;
    const isOpen = sheet === this.view.current;
    const open = () => this.view.choose(sheet);
    const name = this.view.sheets[sheet]
      ? make("button", { class: "plain open", "aria-current": isOpen ? "true" : null, onclick: open }, label)
      : label;
    const cells = [[name], [seconds === null ? "" : clock(seconds)], this.makeState(entry)];
    return make("tr", {}, ...cells.map((parts) => make("td", {}, ...parts)));
  }

  /** @param {any} entry */
  makeState({ state, path, name, error }) {
    if (state !== "failed") return [say(`state_${state}`)];
    const why = make("div", { class: "speech-error", role: "alert" }, makeError(error));
    const again = () => take(`retry_${this.view.tab}`, path, name);
    return this.view.running ? [why] : [why, make("button", { class: "plain", onclick: again }, say("retry"))];
  }
}
