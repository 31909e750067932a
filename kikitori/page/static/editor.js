// @ts-check
// The rows of a transcript. Click into a text and type: there is no mode for editing.
import { caretIn, isComposing, placeInSheet, select } from "./caret.js";
import { make } from "./dom.js";
import { hasSource } from "./file_names.js";
import { makeWarning, say, speakerName } from "./i18n.js";
import { offer } from "./offers.js";
import { placeRows } from "./parts.js";
import { colourOf } from "./player.js";
import { Row } from "./row.js";
import { hasText, newSpeaker, setSource, setSpeaker, setText } from "./sheet.js";
import { joinTurns, lastWithText, splitTurn } from "./splitting.js";
import { placeAt } from "./spoken.js";
import { lengthOf, overlaps } from "./subtitles.js";

/** @typedef {import("./splitting.js").Field} Field */

const NUDGE_SECONDS = 0.1;
/** @type {Field[]} */
const TURN_FIELDS = ["text", "source"];
const PAUSE_MS = 300; // in typing; then the view shows what follows from the text of a row

/** @param {string} speaker */
const columnsOf = (speaker) => lengthOf(speakerName(speaker), { columns_per_character: 1 });

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
    /** Whether a turn has an original; then every row can have one. */
    this.hasSource = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} Until the view shows what was typed. */
    this.pause = undefined;
    /** @type {number[]} */
    this.overlaps = [];
    this.list = make("div", { class: "turns" });
    this.element = make("div", { class: "rows", tabindex: 0, role: "region", "aria-label": say("turns") }, this.list);
  }

  /** What a row shows besides its turn. A row is made anew when it changes. */
  keyOf(/** @type {number} */ number) {
    const { sheet, isBusy } = this.view;
    const { turns } = sheet.transcript;
    const turn = turns[number];
    const isFirst = turn.language !== turns[number - 1]?.language;
    const colour = colourOf(sheet.speakers, turn.speaker);
    const hasSpeakers = sheet.speakers.length > 0;
    const [start, end] = sheet.times[number];
    return [start, end, this.overlaps[number], colour, hasSpeakers, isFirst, this.hasSource, isBusy].join(" ");
  }

  /** Show the view's sheet. Rows that show the same as before stay, with the cursor in them. */
  show() {
    const { sheet } = this.view;
    this.endPause();
    const focus = this.typedIn ? null : this.focus();
    const before = this.rows;
    this.rows = new Map();
    this.hasSource = hasSource(sheet);
    this.overlaps = overlaps(sheet);
    sheet.transcript.turns.forEach((/** @type {any} */ turn, /** @type {number} */ number) => {
      const known = before.get(turn);
      const key = this.keyOf(number);
      const stays = known && (known.key === key || known === this.typedIn);
      const row = stays ? known : new Row(this, number);
      row.key = key;
      row.number = number;
      this.rows.set(turn, row);
    });
    const hasLanguages = sheet.transcript.turns.some((/** @type {any} */ { language }) => language);
    this.list.classList.toggle("with-source", this.hasSource);
    this.list.classList.toggle("with-language", hasLanguages);
    this.list.style.setProperty("--name", `${Math.max(0, ...sheet.speakers.map(columnsOf))}ch`);
    placeRows(this.list, this.withNotes([...this.rows.values()]));
    if (focus && !this.element.contains(document.activeElement)) this.putFocus(focus, before);
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
    const field = TURN_FIELDS.find((one) => row.elementOf(one) === focused);
    const place = field ? (caretIn(row.elementOf(field)) ?? 0) : 0;
    return { number: row.number, turn: row.turn, part: `.${focused?.className}`, field, place };
  }

  /**
   * @param {{ number: number, turn: any, part: string, field?: Field, place: number }} focus
   * @param {Map<any, Row>} before the rows when they had it
   */
  putFocus({ number: numberBefore, turn, part, field, place }, before) {
    const { turns } = this.view.sheet.transcript;
    // The only turn that has changed may have moved to another place.
    const changed = this.rows.size === before.size ? turns.filter((/** @type {any} */ one) => !before.has(one)) : [];
    const now = turns.indexOf(this.rows.has(turn) || changed.length !== 1 ? turn : changed[0]);
    const number = now < 0 ? numberBefore : now;
    if (field) this.putCaret(number, place, field);
    else /** @type {HTMLElement | null | undefined} */ (this.rowAt(number)?.element.querySelector(part))?.focus();
  }

  /**
   * Put the cursor into a text; if that is not shown, to the start of the one that is.
   * @param {number} number
   * @param {number} place in characters
   * @param {Field} field
   */
  putCaret(number, place, field = "text") {
    const row = this.rowAt(Math.min(number, this.rows.size - 1));
    if (!row || row.element.hidden) return;
    if (this.shownFields.includes(field)) select(row.elementOf(field), place);
    else select(row.elementOf(this.shownFields[0]), 0);
    row.element.scrollIntoView({ block: "nearest" });
  }

  /** Which texts of a translation are shown: original, translation or both. */
  get shown() {
    return this.list.dataset.shown ?? "both";
  }

  set shown(choice) {
    this.list.dataset.shown = choice;
    for (const row of this.rows.values()) row.showLimits();
  }

  /**
   * The texts that rows show, in their order.
   * @returns {Field[]}
   */
  get shownFields() {
    if (!this.hasSource || this.shown === "translation") return ["text"];
    return this.shown === "original" ? ["source"] : ["source", "text"];
  }

  /**
   * Put the cursor into the same text of the next row that was not removed, and a player that does not play to its start.
   * @param {1 | -1} direction
   */
  goToRow(direction) {
    const { sheet, player } = this.view;
    const { turns } = sheet.transcript;
    const focus = this.focus();
    let number = (focus?.number ?? placeAt(sheet, player.now)?.turn ?? -1) + direction;
    while (turns[number] && !hasText(turns[number])) number += direction;
    if (!turns[number]) return;
    this.putCaret(number, 0, focus?.field);
    this.rowAt(number)?.goTo();
  }

  /**
   * Select a part of one of a row's texts and show it.
   * @param {{ turn: number, field?: Field, from: number, to: number }} place
   */
  select({ turn, field = "text", from, to }) {
    const row = this.rowAt(turn);
    if (!row) return;
    if (!this.shownFields.includes(field)) this.view.tools.showLanguage("both");
    select(row.elementOf(field), from, to);
    row.element.scrollIntoView({ block: "nearest" });
  }

  /**
   * The row keeps what the visitor has typed, and its cursor.
   * @param {Row} row
   * @param {Field} field
   * @param {string} text
   */
  type(row, field, text) {
    const before = this.view.sheet;
    const sheet = (field === "text" ? setText : setSource)(before, row.number, text);
    if (sheet === before) return;
    const isEdit = text !== "" && row.turn[field] !== "";
    this.rows.delete(row.turn);
    row.turn = sheet.transcript.turns[row.number];
    this.rows.set(row.turn, row);
    const group = `typing ${field} ${row.number}`;
    if (isEdit) return this.showSoon(sheet, group);
    this.typedIn = row; // a text that comes or goes may change other rows
    this.view.change(sheet, group);
    this.typedIn = null;
  }

  /**
   * Keep what was typed. No other row shows anything else, and the other parts of the view wait for a pause: a key must
   * not cost more in a long transcript.
   * @param {any} sheet
   * @param {string} group see History
   */
  showSoon(sheet, group) {
    this.view.keep(sheet, group);
    this.endPause();
    this.pause = setTimeout(() => this.view.refresh(), PAUSE_MS);
  }

  /** @returns {boolean} whether the view has waited to show what was typed */
  endPause() {
    const hasWaited = this.pause !== undefined;
    clearTimeout(this.pause);
    this.pause = undefined;
    return hasWaited;
  }

  /** The visitor has left a row. */
  leave() {
    this.view.history.endGroup();
    if (this.endPause()) this.view.refresh();
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
   * @param {Field} field
   * @param {KeyboardEvent} event
   */
  press(row, field, event) {
    if (isComposing(event) || this.view.isBusy) return;
    const element = row.elementOf(field);
    const caret = caretIn(element);
    const place = caret === null ? null : placeInSheet(element.textContent ?? "", caret);
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      if (place !== null) this.split(row.number, place, field);
    } else if (event.key === "Backspace" && place === 0) {
      event.preventDefault();
      this.join(row.number, field);
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
   * @param {Field} field
   */
  split(number, place, field) {
    const before = this.view.sheet;
    const sheet = splitTurn(before, number, place, field);
    if (sheet === before) return;
    this.view.change(sheet);
    this.putCaret(number + 1, 0, field);
  }

  /**
   * @param {number} number
   * @param {Field} field
   */
  join(number, field) {
    const before = this.view.sheet;
    const sheet = joinTurns(before, number);
    if (sheet === before) return;
    const first = lastWithText(before, number);
    this.view.change(sheet);
    const lengthIn = (/** @type {any} */ { transcript }, /** @type {number} */ at) =>
      [...transcript.turns[at][field]].length;
    this.putCaret(first, lengthIn(sheet, first) - lengthIn(before, number), field);
  }

  /**
   * Move the start or the end of a turn.
   * @param {number} number
   * @param {number} seconds
   * @param {boolean} isEnd
   */
  nudge(number, seconds, isEnd) {
    const before = this.view.sheet.times[number][isEnd ? 1 : 0];
    this.view.moveEdge(number, isEnd, before + seconds, `nudging ${isEnd} ${number}`);
  }
}
