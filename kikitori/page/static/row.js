// @ts-check
// One row of a transcript: who speaks, when, the text, and the original of a translation.
import { caretIn, oneLine } from "./caret.js";
import { clock, make, preciseClock, strip } from "./dom.js";
import { formatDuration, formatNumber, LANGUAGE_TAGS, languageName, say, speakerName, subtitleStyle } from "./i18n.js";
import { colourOf } from "./player.js";
import { hasText, languageOf, sourceLanguage } from "./sheet.js";
import { timeOf } from "./spoken.js";
import { lengthOf, longest, readingSpeed } from "./subtitles.js";

/** @typedef {import("./splitting.js").Field} Field */

/** Timings of turns whose times are estimates (kikitori/timing.py). */
const ESTIMATES = ["window", "estimated"];

/**
 * Letters of a turn from one place to another, with those that the model was unsure of marked.
 * @param {string[]} letters
 * @param {[number, number][]} lowConfidence
 * @param {number} from
 * @param {number} to
 */
function markLowConfidence(letters, lowConfidence, from, to) {
  const parts = [];
  let place = from;
  for (const [start, end] of lowConfidence.filter(([start, end]) => start < to && end > from)) {
    const [first, last] = [Math.max(start, from), Math.min(end, to)];
    parts.push(letters.slice(place, first).join(""));
    parts.push(make("mark", { title: say("doubt") }, letters.slice(first, last).join("")));
    place = last;
  }
  return [...parts, letters.slice(place, to).join("")].filter((part) => part !== "");
}

/**
 * The text of a turn; words whose time is known are elements of their own.
 * @param {any} turn
 * @returns {(Node | string)[]}
 */
function makeText({ text, words, low_confidence: lowConfidence }) {
  const letters = [...text];
  if (!words.length) return markLowConfidence(letters, lowConfidence, 0, letters.length);
  let place = 0;
  return words.map((/** @type {any} */ word) => {
    const from = place;
    place += [...word.text].length;
    return make("span", { class: "word" }, ...markLowConfidence(letters, lowConfidence, from, place));
  });
}

/**
 * A turn's text, or its original.
 * @param {any} turn
 * @param {Field} field
 * @returns {(Node | string)[]}
 */
const makeContent = (turn, field) => (field === "text" ? makeText(turn) : [turn.source]);

/**
 * Show a value that has a limit, marked if it is above. What is shown already is not touched.
 * @param {HTMLElement} element
 * @param {string} shown
 * @param {boolean} isAbove
 * @param {[string, string]} titles keys of texts: for a value within the limit, and for one above
 * @param {string[]} values of the titles
 */
function showLimit(element, shown, isAbove, titles, values) {
  const text = isAbove ? `${shown} !` : shown;
  const title = say(titles[Number(isAbove)], ...values);
  if (element.textContent === text && element.title === title) return;
  element.textContent = text;
  element.title = title;
  element.classList.toggle("above", isAbove);
}

/** One turn on the page. It is made anew when its turn, its time or its surroundings change. */
export class Row {
  /**
   * @param {import("./editor.js").Editor} editor
   * @param {number} number
   */
  constructor(editor, number) {
    this.editor = editor;
    this.number = number;
    /** @type {Field | null} What the visitor has typed in since it was made. */
    this.typed = null;
    const { sheet } = editor.view;
    this.turn = sheet.transcript.turns[number];
    this.key = editor.keyOf(number);
    this.overlap = make("span", { class: "limit overlap" });
    this.end = make("span", { class: "limit until" });
    this.speed = make("span", { class: "limit pace" });
    this.length = make("span", { class: "limit size" });
    const limits = [this.overlap, this.end, this.speed, this.length];
    const about = [this.makeTime(sheet), ...limits, ...this.makeLanguage(sheet)];
    const parts = [...this.makeSpeaker(sheet), ...about];
    const who = make("span", { class: "who" }, ...parts);
    this.words = this.makeField("text", languageOf(sheet.transcript, this.turn));
    this.source = editor.hasSource ? this.makeField("source", sourceLanguage(sheet.transcript)) : null;
    const css = `turn ${colourOf(sheet.speakers, this.turn.speaker)}`;
    this.element = make(
      "li",
      { class: css, hidden: !hasText(this.turn) },
      who,
      ...(this.source ? [this.source] : []),
      this.words,
    );
    this.showLimits();
  }

  /** @param {any} sheet */
  makeSpeaker({ speakers }) {
    if (!speakers.length) return [];
    const { speaker } = this.turn;
    const shown = make("option", {}, speaker === null ? "" : speakerName(speaker));
    const choice = make("select", { class: "speaker", "aria-label": say("speaker") }, shown);
    /** @type {(string | null)[]} */
    let offered = [];
    const fill = () => {
      offered = [...(speaker === null ? [null] : []), ...this.editor.view.sheet.speakers];
      const options = offered.map((one) =>
        make("option", { selected: one === speaker }, one === null ? "" : speakerName(one)),
      );
      choice.replaceChildren(...options, make("option", {}, say("new_speaker")));
    };
    for (const event of ["focus", "pointerdown"]) choice.addEventListener(event, fill);
    choice.addEventListener("change", () => this.editor.giveTo(this.number, offered[choice.selectedIndex]));
    return [choice];
  }

  /** @param {any} sheet */
  makeTime({ times }) {
    const [start] = times[this.number];
    const isEstimate = ESTIMATES.includes(this.turn.timing);
    const label = { "aria-label": say("play", clock(start)), title: isEstimate ? say("estimated") : null };
    const onclick = () => this.editor.view.player.play(start);
    return make("button", { class: "time", ...label, onclick }, isEstimate ? `~${clock(start)}` : preciseClock(start));
  }

  /**
   * The name of the turn's language where it differs from that of the turn before.
   * @param {any} sheet
   */
  makeLanguage({ transcript }) {
    const { language } = this.turn;
    const before = transcript.turns[this.number - 1]?.language;
    return language && language !== before ? [make("span", { class: "language" }, languageName(language))] : [];
  }

  /**
   * @param {Field} field
   * @param {string} language of its text
   */
  makeField(field, language) {
    const { editor } = this;
    const [name, label] = field === "text" ? ["words", "words"] : ["source", "shown_original"];
    const editable = editor.view.isBusy
      ? {}
      : { contenteditable: "plaintext-only", role: "textbox", "aria-multiline": "true", "aria-label": say(label) };
    const script = { class: name, lang: LANGUAGE_TAGS[language], dir: "auto" };
    const events = {
      oninput: () => this.type(field),
      onblur: () => this.leave(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => editor.press(this, field, event),
      onclick: () => this.goTo(),
    };
    return make("span", { ...script, ...editable, spellcheck: "false", ...events }, ...makeContent(this.turn, field));
  }

  /**
   * The element of one of its texts. A row without an original has only one.
   * @param {Field} field
   */
  elementOf(field) {
    return field === "source" && this.source ? this.source : this.words;
  }

  /** How the text that is shown fits into one subtitle; CSS shows it when the visitor wants to see it. */
  showLimits() {
    const { transcript, times } = this.editor.view.sheet;
    const isSource = this.source && (this.editor.shown === "original" || !this.turn.text);
    const text = isSource ? this.turn.source : this.turn.text;
    const style = subtitleStyle(isSource ? sourceLanguage(transcript) : languageOf(transcript, this.turn));
    const [start, end] = times[this.number];
    const length = lengthOf(text, style);
    const speed = readingSpeed(length, [start, end]);
    const write = (/** @type {number} */ number) => formatNumber(number, { maximumFractionDigits: 1 });
    const { characters_per_second: fastest, line_width, lines, seconds } = style;
    const values = [length, longest(style), lines, line_width].map(write);
    const spans = [formatDuration(end - start), formatDuration(seconds)];
    const overlap = this.editor.overlaps[this.number];
    showLimit(
      this.overlap,
      `↑ ${formatDuration(overlap)}`,
      overlap > 0,
      ["overlaps", "overlaps"],
      [formatDuration(overlap)],
    );
    showLimit(this.end, `–${preciseClock(end)}`, end - start > seconds, ["lasts", "too_long_shown"], spans);
    showLimit(this.speed, write(speed), speed > fastest, ["speed_of", "too_fast"], [write(speed), write(fastest)]);
    showLimit(this.length, values.slice(0, 2).join("/"), length > longest(style), ["length_of", "too_long"], values);
  }

  /**
   * Take over what was typed.
   * @param {Field} field
   */
  type(field) {
    this.typed = field;
    const typed = this.elementOf(field).textContent ?? "";
    this.editor.type(this, field, strip(oneLine(typed)));
    this.showLimits();
  }

  /** Show the text anew after typing, with its marks; without any text the row is hidden. */
  leave() {
    if (!this.typed) return;
    this.elementOf(this.typed).replaceChildren(...makeContent(this.turn, this.typed));
    this.typed = null;
    this.element.hidden = !hasText(this.turn);
    this.showLimits();
    this.editor.leave();
  }

  /** Move a player that does not play to the word that was clicked; from an original, to the start of the row. */
  goTo() {
    const { player, sheet } = this.editor.view;
    const isInSource = this.source && caretIn(this.source) !== null;
    const place = isInSource ? 0 : caretIn(this.words);
    if (player.isPlaying || place === null) return;
    const from = Math.max(0, place - 1); // at the end of a word the cursor belongs to it
    player.seek(timeOf(sheet, { turn: this.number, from }));
  }
}
