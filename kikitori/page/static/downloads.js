// @ts-check
// Copying a transcript and saving it as a file.
import { make } from "./dom.js";
import { audioName, fileStems, hasSource, timeStamp } from "./file_names.js";
import { makeError, say, speakerName } from "./i18n.js";
import { showWords, wordButton } from "./icons.js";
import { Menu, menuChoice, menuItem } from "./menu.js";
import { hasText, inOrder } from "./sheet.js";

/** What a file's name ends in -> its type. */
const FORMATS = {
  txt: "text/plain;charset=utf-8",
  "times.txt": "text/plain;charset=utf-8",
  srt: "text/plain;charset=utf-8",
  vtt: "text/plain;charset=utf-8",
  tsv: "text/plain;charset=utf-8",
  json: "application/json",
  rttm: "text/plain;charset=utf-8",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  zip: "application/zip",
};
const COPIED_MS = 2000;
const KEPT_MS = 10000; // until then the browser has begun to save

/** @typedef {keyof typeof FORMATS} Format */

export class Downloads {
  /** @param {any} view whose transcripts are saved */
  constructor(view) {
    this.view = view;
    /** An error of the last file. */
    this.problem = make("div");
    /** Which texts of a translation are saved: original, translation or both. */
    this.texts = "both";
    this.copyButton = wordButton("copy", { onclick: () => this.copy() });
    this.menu = new Menu("download", () => this.makeItems());
  }

  /** @returns {HTMLElement[]} the buttons */
  get buttons() {
    return [this.copyButton, this.menu.element];
  }

  makeItems() {
    const { sheet } = this.view;
    const texts = { both: say("texts_both"), original: say("texts_original"), translation: say("texts_translation") };
    const choose = (/** @type {string} */ value) => (this.texts = value);
    const choice = hasSource(sheet) ? [menuChoice(say("texts"), texts, this.texts, choose)] : [];
    const formats = /** @type {Format[]} */ (Object.keys(FORMATS));
    const items = formats
      .filter((suffix) => suffix !== "rttm" || sheet.speakers.length)
      .map((suffix) => menuItem(say(`file_${suffix}`), () => this.save(suffix)));
    return [...choice, ...items];
  }

  /**
   * The file, {text} or {data}, with its name, or null after an error, which is shown. Python writes it, so that it
   * equals the command line's. Its times are those of the page. A zip has all sheets.
   * @param {Format} suffix
   */
  async write(suffix) {
    const { sheets } = this.view.whole();
    const stems = fileStems(sheets, this.texts);
    const sent = sheets.map((/** @type {any} */ sheet, /** @type {number} */ at) => sentSheet(sheet, stems[at]));
    const current = this.view.sheets.indexOf(this.view.sheet);
    const isAll = suffix === "zip" && sheets.length > 1;
    const noAnswer = () => ({ errors: [{ text: say(isAll ? "no_answer_to_all" : "no_answer") }] });
    this.problem.replaceChildren();
    const request = [suffix, this.texts, suffix === "zip" ? sent : [sent[current]]];
    const file = await this.view.server.write_file(request).catch(noAnswer);
    const stem = isAll ? `transcripts-${timeStamp(new Date())}` : stems[current];
    if (typeof (file?.text ?? file?.data) === "string") return { ...file, name: `${stem}.${suffix}` };
    const { errors } = file?.errors ? file : noAnswer();
    this.showProblem(...errors.map(makeError));
    return null;
  }

  async copy() {
    const file = this.write("txt");
    // Pages without https have no clipboard object.
    const isCopied = await (navigator.clipboard ? putOnClipboard(file) : copySelected(file)).catch(() => false);
    if (!(await file)) return; // the page says why
    if (!isCopied) return this.showProblem(make("div", {}, say("not_copied")));
    showWords(this.copyButton, "copied");
    setTimeout(() => showWords(this.copyButton, "copy"), COPIED_MS);
  }

  /** @param {HTMLElement[]} sentences */
  showProblem(...sentences) {
    this.problem.replaceChildren(make("div", { class: "speech-error", role: "alert" }, ...sentences));
  }

  /** @param {Format} suffix */
  async save(suffix) {
    const { button } = this.menu;
    this.menu.close();
    button.setAttribute("aria-busy", "true");
    const file = await this.write(suffix);
    button.removeAttribute("aria-busy");
    if (!file) return;
    const content = file.text ?? Uint8Array.from(atob(file.data), (character) => character.charCodeAt(0));
    const address = URL.createObjectURL(new Blob([content], { type: FORMATS[suffix] }));
    make("a", { href: address, download: file.name }).click();
    setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
  }
}

/**
 * Copy a file's text. It is awaited inside the item: browsers let a page copy only at once after a click.
 * @param {Promise<any>} file
 * @returns {Promise<boolean>} whether the browser allowed it
 */
async function putOnClipboard(file) {
  const blob = file.then((made) => {
    if (!made) throw new Error("there is nothing to copy");
    return new Blob([made.text], { type: "text/plain" });
  });
  blob.catch(() => {});
  await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  return true;
}

/**
 * Copy a file's text as a visitor would.
 * @param {Promise<any>} file
 * @returns {Promise<boolean>} whether the browser allowed it
 */
async function copySelected(file) {
  const made = await file;
  if (!made) return false;
  const area = make("textarea", {}, made.text);
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

/**
 * A sheet as kikitori/page/files.py takes it: in order of time, and without the rows that were removed.
 * @param {any} sheet
 * @param {string} name of its file, without the suffix
 */
export function sentSheet(sheet, name) {
  const { transcript, times } = inOrder(sheet);
  const isLeft = (/** @type {any} */ _, /** @type {number} */ number) => hasText(transcript.turns[number]);
  const left = { ...transcript, audio: audioName(sheet), turns: transcript.turns.filter(hasText) };
  const speakers = Object.fromEntries(sheet.speakers.map((/** @type {string} */ label) => [label, speakerName(label)]));
  return { name, transcript: left, times: times.filter(isLeft), speakers };
}
