// @ts-check
// The rows of a transcript. Click into a text and type: there is no mode for editing.
import { caretIn, isComposing, select } from "./caret.js";
import { clock, make, strip } from "./dom.js";
import { formatNumber, LANGUAGE_TAGS, languageName, makeWarning, readableSpeed, say, speakerName } from "./i18n.js";
import { offer } from "./offers.js";
import { colourOf } from "./player.js";
import { joinTurns, newSpeaker, readingSpeed, setSpeaker, setText, splitTurn } from "./sheet.js";
import { timeOf } from "./spoken.js";

const NUDGE_SECONDS = 0.1;
const LONG_ROWS = 200; // from then on, rows that are out of sight are not laid out

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

/** One turn on the page. It is made anew when its turn, its time or its surroundings change. */
class Row {
  /**
   * @param {Editor} editor
   * @param {number} number
   */
  constructor(editor, number) {
    this.editor = editor;
    this.number = number;
    this.isDirty = false; // whether the visitor has typed since the text was made
    const { sheet } = editor.view;
    this.turn = sheet.transcript.turns[number];
    this.key = editor.keyOf(number);
    this.speed = make("span", { class: "reading" });
    const parts = [...this.makeSpeaker(sheet), this.makeTime(sheet), ...this.makeLanguage(sheet), this.speed];
    const who = make("span", { class: "who" }, ...parts);
    const source = this.turn.source ? [this.makeSource(sheet)] : [];
    this.words = this.makeWords(sheet);
    const css = `turn ${colourOf(sheet.speakers, this.turn.speaker)}`;
    this.element = make("li", { class: css, hidden: this.turn.text === "" }, who, ...source, this.words);
    this.showSpeed();
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
    const editable = editor.view.running
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

  /** How fast the text has to be read as a subtitle; CSS shows it when the visitor wants to see it. */
  showSpeed() {
    const { transcript, times } = this.editor.view.sheet;
    const speed = readingSpeed(this.turn, times[this.number]);
    const most = readableSpeed(this.turn.language || transcript.language);
    const shown = formatNumber(speed, { maximumFractionDigits: 1 });
    const isFast = speed > most;
    this.speed.textContent = isFast ? `${shown} !` : shown;
    this.speed.title = isFast ? say("too_fast", shown, formatNumber(most)) : say("speed_of", shown);
    this.speed.classList.toggle("fast", isFast);
  }

  /** The text as the visitor sees it. */
  get text() {
    return strip((this.words.textContent ?? "").replace(/\s*\n\s*/g, " "));
  }

  /** Take over what was typed. */
  type() {
    this.isDirty = true;
    this.editor.type(this, this.text);
  }

  /** Show the text anew after typing: with its marks, or hidden if it was deleted. */
  leave() {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.words.replaceChildren(...makeText(this.turn));
    this.element.hidden = this.turn.text === "";
    this.showSpeed();
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

export class Editor {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    /** @type {Map<any, Row>} by turn */
    this.rows = new Map();
    /** @type {Map<any, HTMLElement>} by warning */
    this.notes = new Map();
    /** @type {Row | null} The row that a key has just changed: it stays as it is, and keeps the cursor by itself. */
    this.typedIn = null;
    this.list = make("ol", { class: "turns" });
    this.element = make("div", { class: "rows", tabindex: 0, role: "region", "aria-label": say("turns") }, this.list);
  }

  /** What a row shows besides its turn. A row is made anew when it changes. */
  keyOf(/** @type {number} */ number) {
    const { sheet, running } = this.view;
    const { turns } = sheet.transcript;
    const turn = turns[number];
    const isFirst = turn.language !== turns[number - 1]?.language;
    const colour = colourOf(sheet.speakers, turn.speaker);
    return [...sheet.times[number], sheet.estimated, colour, sheet.speakers.length > 0, isFirst, running].join(" ");
  }

  /** Show the view's sheet. Rows that show the same as before stay, with the cursor in them. */
  show() {
    const { sheet } = this.view;
    const focus = this.typedIn ? null : this.focus();
    const before = this.rows;
    this.rows = new Map();
    sheet.transcript.turns.forEach((/** @type {any} */ turn, /** @type {number} */ number) => {
      const known = before.get(turn);
      const key = this.keyOf(number);
      const stays = known && (known.key === key || known === this.typedIn);
      const row = stays ? known : new Row(this, number);
      row.key = key;
      row.number = number;
      this.rows.set(turn, row);
    });
    this.list.classList.toggle("long", this.rows.size > LONG_ROWS);
    this.place(this.withNotes([...this.rows.values()]));
    if (focus && !this.element.contains(document.activeElement)) this.putFocus(focus);
  }

  /**
   * Rows and warnings in order: each warning comes before the row where its time begins.
   * @param {Row[]} rows
   * @returns {HTMLElement[]}
   */
  withNotes(rows) {
    const { sheet, running } = this.view;
    const known = this.notes;
    this.notes = new Map();
    const told = sheet.transcript.warnings.filter((/** @type {any} */ one) => one.kind !== "partial" || !running);
    for (const warning of told) {
      this.notes.set(warning, known.get(warning) ?? offer(makeWarning(warning), warning, sheet));
    }
    const start = (/** @type {any} */ warning) => warning.start_seconds ?? 0;
    const inOrder = [...this.notes].sort(([one], [two]) => start(one) - start(two));
    const elements = [];
    for (const row of rows) {
      while (inOrder.length && start(inOrder[0][0]) <= sheet.times[row.number][0]) {
        elements.push(/** @type {any} */ (inOrder.shift())[1]);
      }
      elements.push(row.element);
    }
    return [...elements, ...inOrder.map(([, note]) => note)];
  }

  /**
   * Make the list hold these elements; those that are in their place are not touched.
   * @param {HTMLElement[]} elements
   */
  place(elements) {
    const wanted = new Set(elements);
    for (const child of [...this.list.children]) if (!wanted.has(child)) child.remove();
    let next = this.list.firstElementChild;
    for (const element of elements) {
      if (element === next) next = next.nextElementSibling;
      else this.list.insertBefore(element, next);
    }
  }

  /** @param {number} number */
  rowAt(number) {
    return this.rows.get(this.view.sheet.transcript.turns[number]);
  }

  /** The row that has the focus, and the place of the cursor in its text or the part that has it; null if no row has. */
  focus() {
    const focused = document.activeElement;
    if (!this.list.contains(focused)) return null;
    const row = [...this.rows.values()].find((one) => one.element.contains(focused));
    if (!row) return null;
    const part = row.words === focused ? "" : `.${focused?.className}`;
    return { number: row.number, part, place: part ? 0 : (caretIn(row.words) ?? 0) };
  }

  /** @param {{ number: number, part: string, place: number }} focus */
  putFocus({ number, part, place }) {
    if (!part) this.putCaret(number, place);
    else /** @type {HTMLElement | null | undefined} */ (this.rowAt(number)?.element.querySelector(part))?.focus();
  }

  /**
   * @param {number} number
   * @param {number} place in characters
   */
  putCaret(number, place) {
    const row = this.rowAt(Math.min(number, this.rows.size - 1));
    if (!row || row.element.hidden) return;
    select(row.words, place);
    row.element.scrollIntoView({ block: "nearest" });
  }

  /**
   * Select a part of a row's text and show it.
   * @param {{ turn: number, from: number, to: number }} place
   */
  select({ turn, from, to }) {
    const row = this.rowAt(turn);
    if (!row) return;
    select(row.words, from, to);
    row.element.scrollIntoView({ block: "nearest" });
  }

  /**
   * The row keeps what the visitor has typed, and its cursor.
   * @param {Row} row
   * @param {string} text
   */
  type(row, text) {
    const before = this.view.sheet;
    const sheet = setText(before, row.number, text);
    if (sheet === before) return;
    this.rows.delete(row.turn);
    row.turn = sheet.transcript.turns[row.number];
    this.rows.set(row.turn, row);
    this.typedIn = row;
    this.view.change(sheet, `typing ${row.number}`);
    this.typedIn = null;
  }

  /**
   * @param {number} number
   * @param {string | null} [speaker] undefined for a new one
   */
  giveTo(number, speaker) {
    const { sheet } = this.view;
    if (speaker !== null) this.view.change(setSpeaker(sheet, number, speaker ?? newSpeaker(sheet)));
  }

  /**
   * Keys in a row's text.
   * @param {Row} row
   * @param {KeyboardEvent} event
   */
  press(row, event) {
    if (isComposing(event) || this.view.running) return;
    const typed = row.words.textContent ?? "";
    const spaces = [...typed].length - [...typed.trimStart()].length; // which the sheet does not have
    const caret = caretIn(row.words);
    const place = caret === null ? null : Math.max(0, caret - spaces);
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (place !== null) this.split(row.number, place);
    } else if (event.key === "Backspace" && place === 0) {
      event.preventDefault();
      this.join(row.number);
    } else if (event.altKey && event.shiftKey && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
      event.preventDefault();
      this.nudge(row.number, event.key === "ArrowLeft" ? -NUDGE_SECONDS : NUDGE_SECONDS, event.ctrlKey);
    } else if (event.key === "Escape") {
      this.element.focus({ preventScroll: true });
    }
  }

  /**
   * @param {number} number
   * @param {number} place
   */
  split(number, place) {
    const before = this.view.sheet;
    const sheet = splitTurn(before, number, place);
    if (sheet === before) return;
    this.view.change(sheet);
    this.putCaret(number + 1, 0);
  }

  /** @param {number} number */
  join(number) {
    const before = this.view.sheet;
    const sheet = joinTurns(before, number);
    if (sheet === before) return;
    const { turns } = before.transcript;
    const first = turns.findLastIndex((/** @type {any} */ turn, /** @type {number} */ at) => at < number && turn.text);
    this.view.change(sheet);
    this.putCaret(first, [...sheet.transcript.turns[first].text].length - [...turns[number].text].length);
  }

  /**
   * Move the start or the end of a turn.
   * @param {number} number
   * @param {number} seconds
   * @param {boolean} isEnd
   */
  nudge(number, seconds, isEnd) {
    const before = this.view.sheet.times[number][isEnd ? 1 : 0];
    this.view.moveEdge(number, isEnd, before + seconds, `nudging ${number}`);
  }
}
