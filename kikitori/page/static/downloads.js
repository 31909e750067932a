// @ts-check
// Copying a transcript and saving it as a file.
import { make } from "./dom.js";
import { makeError, say } from "./i18n.js";

const FORMATS = ["txt", "srt", "vtt", "tsv", "json", "rttm"];

export class Downloads {
  /** @param {any} view whose transcript is saved */
  constructor(view) {
    this.view = view;
    /** An error of the last file. */
    this.problem = make("div");
  }

  /** @returns {HTMLElement[]} the buttons */
  makeButtons() {
    const copy = make("button", { onclick: (/** @type {any} */ event) => this.copy(event.target) }, say("copy"));
    const saves = FORMATS.map((suffix) => {
      const name = suffix.toUpperCase();
      return make("button", { "aria-label": say("save", name), onclick: () => this.save(suffix) }, name);
    });
    return [copy, ...saves];
  }

  /**
   * The transcript as a file, {name, text}, or null after an error, which is shown. Python writes it, so that it equals
   * the command line's. Its times are those of the page.
   * @param {string} suffix
   */
  async write(suffix) {
    const { transcript, times } = this.view.whole().sheets[this.view.sheets.indexOf(this.view.sheet)];
    const isLeft = (/** @type {any} */ _, /** @type {number} */ number) => transcript.turns[number].text !== "";
    const left = { ...transcript, turns: transcript.turns.filter(isLeft) };
    this.problem.replaceChildren();
    const noAnswer = () => ({ errors: [{ text: say("no_answer") }] });
    const file = await this.view.server.write_file([suffix, left, times.filter(isLeft)]).catch(noAnswer);
    if (typeof file?.text === "string") return file;
    const { errors } = file?.errors ? file : noAnswer();
    this.problem.replaceChildren(make("div", { class: "speech-error", role: "alert" }, ...errors.map(makeError)));
    return null;
  }

  /** @param {any} button */
  async copy(button) {
    const file = this.write("txt");
    if (navigator.clipboard) {
      // The text is awaited inside the item: browsers let a page copy only at once after a click.
      const blob = file.then((made) => {
        if (!made) throw new Error("there is nothing to copy");
        return new Blob([made.text], { type: "text/plain" });
      });
      blob.catch(() => {});
      try {
        await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
      } catch (error) {
        if (await file) throw error;
      }
    } else if (await file) {
      const area = make("textarea", {}, (await file).text); // pages without https have no clipboard object
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    if (!(await file)) return;
    button.textContent = say("copied");
    setTimeout(() => (button.textContent = say("copy")), 2000);
  }

  /** @param {string} suffix */
  async save(suffix) {
    const file = await this.write(suffix);
    if (!file) return;
    const type = suffix === "json" ? "application/json" : "text/plain;charset=utf-8";
    const link = make("a", { href: URL.createObjectURL(new Blob([file.text], { type })), download: file.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }
}
