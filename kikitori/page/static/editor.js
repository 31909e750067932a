// @ts-check
// The rows of a transcript. Click into a text and type: there is no mode for editing.
import { caretIn, isComposing, select } from "./caret.js";
import { make } from "./dom.js";
import { makeWarning, say } from "./i18n.js";
import { offer } from "./offers.js";
import { colourOf } from "./player.js";
import { Row } from "./row.js";
import { joinTurns, newSpeaker, setSpeaker, setText, splitTurn } from "./sheet.js";
import { placeAt } from "./spoken.js";

const NUDGE_SECONDS = 0.1;
const LONG_ROWS = 200; // from then on, rows that are out of sight are not laid out

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
    const { sheet, isBusy } = this.view;
    const { turns } = sheet.transcript;
    const turn = turns[number];
    const isFirst = turn.language !== turns[number - 1]?.language;
    const colour = colourOf(sheet.speakers, turn.speaker);
    return [...sheet.times[number], sheet.estimated, colour, sheet.speakers.length > 0, isFirst, isBusy].join(" ");
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
    this.showWords();
    select(row.words, place);
    row.element.scrollIntoView({ block: "nearest" });
  }

  /** Show the texts that can be edited, if only the originals of a translation are shown. */
  showWords() {
    if (this.list.dataset.shown === "original") this.view.tools.showLanguage("both");
  }

  /**
   * Put the cursor into the next row with text, and a player that does not play to its start.
   * @param {1 | -1} direction
   */
  goToRow(direction) {
    const { sheet, player } = this.view;
    const { turns } = sheet.transcript;
    let number = (this.focus()?.number ?? placeAt(sheet, player.now)?.turn ?? -1) + direction;
    while (turns[number]?.text === "") number += direction;
    if (!turns[number]) return;
    this.putCaret(number, 0);
    this.rowAt(number)?.goTo();
  }

  /**
   * Select a part of a row's text and show it.
   * @param {{ turn: number, from: number, to: number }} place
   */
  select({ turn, from, to }) {
    const row = this.rowAt(turn);
    if (!row) return;
    this.showWords();
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
    if (isComposing(event) || this.view.isBusy) return;
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
