// @ts-check
// One row of a transcript: who speaks, when, and the text.
import { caretIn } from "./caret.js";
import { clock, make, strip } from "./dom.js";
import { formatNumber, LANGUAGE_TAGS, languageName, say, speakerName, subtitleStyle } from "./i18n.js";
import { colourOf } from "./player.js";
import { timeOf } from "./spoken.js";
import { lengthOf, longest, readingSpeed } from "./subtitles.js";

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
 * Show a value that has a limit, marked if it is above.
 * @param {HTMLElement} element
 * @param {string} shown
 * @param {boolean} isAbove
 * @param {[string, string]} titles keys of texts: for a value within the limit, and for one above
 * @param {string[]} values of the titles
 */
function showLimit(element, shown, isAbove, titles, values) {
  element.textContent = isAbove ? `${shown} !` : shown;
  element.title = say(titles[Number(isAbove)], ...values);
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
    this.isDirty = false; // whether the visitor has typed since the text was made
    const { sheet } = editor.view;
    this.turn = sheet.transcript.turns[number];
    this.key = editor.keyOf(number);
    this.speed = make("span", { class: "limit" });
    this.length = make("span", { class: "limit" });
    const about = [this.makeTime(sheet), ...this.makeLanguage(sheet), this.speed, this.length];
    const parts = [...this.makeSpeaker(sheet), ...about];
    const who = make("span", { class: "who" }, ...parts);
    const source = this.turn.source ? [this.makeSource(sheet)] : [];
    this.words = this.makeWords(sheet);
    const css = `turn ${colourOf(sheet.speakers, this.turn.speaker)}`;
    this.element = make("li", { class: css, hidden: this.turn.text === "" }, who, ...source, this.words);
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
  makeTime({ times, estimated }) {
    const [start] = times[this.number];
    const label = { "aria-label": say("play", clock(start)), title: estimated ? say("estimated") : null };
    const onclick = () => this.editor.view.player.play(start);
    return make("button", { class: "time", ...label, onclick }, (estimated ? "~" : "") + clock(start));
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

  /** @param {any} sheet */
  makeSource({ transcript }) {
    return make("span", { class: "source", lang: transcript.language === "Japanese" ? "en" : "ja" }, this.turn.source);
  }

  /** @param {any} sheet */
  makeWords({ transcript }) {
    const { editor } = this;
    const editable = editor.view.isBusy
      ? {}
      : { contenteditable: "plaintext-only", role: "textbox", "aria-multiline": "true", "aria-label": say("words") };
    const script = { class: "words", lang: LANGUAGE_TAGS[this.turn.language || transcript.language], dir: "auto" };
    const events = {
      oninput: () => this.type(),
      onblur: () => this.leave(),
      onkeydown: (/** @type {KeyboardEvent} */ event) => editor.press(this, event),
      onclick: () => this.goTo(),
    };
    return make("span", { ...script, ...editable, spellcheck: "false", ...events }, ...makeText(this.turn));
  }

  /** How fast and how long the text is as a subtitle; CSS shows it when the visitor wants to see it. */
  showLimits() {
    const { transcript, times } = this.editor.view.sheet;
    const style = subtitleStyle(this.turn.language || transcript.language);
    const length = lengthOf(this.turn.text, style);
    const speed = readingSpeed(length, times[this.number]);
    const write = (/** @type {number} */ number) => formatNumber(number, { maximumFractionDigits: 1 });
    const { characters_per_second: fastest, line_width, lines } = style;
    const values = [length, longest(style), lines, line_width].map(write);
    showLimit(this.speed, write(speed), speed > fastest, ["speed_of", "too_fast"], [write(speed), write(fastest)]);
    showLimit(this.length, values.slice(0, 2).join("/"), length > longest(style), ["length_of", "too_long"], values);
  }

  /** The text as the visitor sees it. */
  get text() {
    return strip((this.words.textContent ?? "").replace(/\s*\n\s*/g, " "));
  }

  /** Take over what was typed. */
  type() {
    this.isDirty = true;
    this.editor.type(this, this.text);
    this.showLimits();
  }

  /** Show the text anew after typing: with its marks, or hidden if it was deleted. */
  leave() {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.words.replaceChildren(...makeText(this.turn));
    this.element.hidden = this.turn.text === "";
    this.showLimits();
    this.editor.view.history.endGroup();
  }

  /** Move a player that does not play to the word that was clicked. */
  goTo() {
    const { player, sheet } = this.editor.view;
    const place = caretIn(this.words);
    if (player.isPlaying || place === null) return;
    const from = Math.max(0, place - 1); // at the end of a word the cursor belongs to it
    player.seek(timeOf(sheet, { turn: this.number, from }));
  }
}
