// @ts-check
// Text and time: when a place in a text is heard, what is heard at a time, and how long each speaker talks.
// See sheet.js for a sheet.
import { hasText } from "./sheet.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {import("./sheet.js").Turn} Turn */
/** @typedef {import("./sheet.js").Span} Span */

/**
 * The word that holds a character of a turn's text, and the place of the word's first character; undefined if there is
 * none.
 * @param {any[]} words
 * @param {number} place in characters
 */
function wordAt(words, place) {
  let from = 0;
  for (const word of words) {
    const length = [...word.text].length;
    if (from + length > place) return { word, from };
    from += length;
  }
  return undefined;
}

/**
 * When the word that holds a character begins; the start of the turn if its words have no times.
 * @param {Sheet} sheet
 * @param {{ turn: number, from: number }} place
 * @returns {number} seconds
 */
export function timeOf({ transcript, times }, { turn, from }) {
  return wordAt(transcript.turns[turn].words, from)?.word.start_seconds ?? times[turn][0];
}

/**
 * The time of a place in a turn's text: by its share of its word, or of the whole text if words have no times.
 * @param {Turn} turn
 * @param {number} place in characters
 * @param {Span} span
 * @returns {number} seconds
 */
export function timeInText({ words, text }, place, [start, end]) {
  const found = wordAt(words, place);
  if (!found) return start + ((end - start) * place) / [...text].length;
  const { word, from } = found;
  const spaces = [...word.text].length - [...word.text.trimStart()].length;
  const share = Math.max(0, place - from - spaces) / ([...word.text].length - spaces);
  return word.start_seconds + share * (word.end_seconds - word.start_seconds);
}

/**
 * The number of the turn with text that is heard at a time, the later one if two overlap; -1 for none.
 * @param {Sheet} sheet
 * @param {number} seconds
 * @returns {number}
 */
export function turnAt({ transcript, times }, seconds) {
  return times.findLastIndex(
    (/** @type {Span} */ [start, end], /** @type {number} */ number) =>
      hasText(transcript.turns[number]) && start <= seconds && seconds < end,
  );
}

/**
 * The number of the last turn with text that began before a time; -1 for none.
 * @param {Sheet} sheet
 * @param {number} seconds
 * @returns {number}
 */
export function lastBefore({ transcript, times }, seconds) {
  return times.findLastIndex(
    (/** @type {Span} */ [start], /** @type {number} */ number) =>
      hasText(transcript.turns[number]) && start <= seconds,
  );
}

/**
 * The place in the text of the word that is heard at a time, or was heard last; null before the first turn.
 * @param {Sheet} sheet
 * @param {number} seconds
 * @returns {{ turn: number, from: number } | null}
 */
export function placeAt(sheet, seconds) {
  const said = turnAt(sheet, seconds);
  const turn = said < 0 ? lastBefore(sheet, seconds) : said;
  if (turn < 0) return null;
  let [from, until] = [0, 0];
  for (const { text, start_seconds } of sheet.transcript.turns[turn].words) {
    if (start_seconds <= seconds) from = until + [...text].length - [...text.trimStart()].length;
    until += [...text].length;
  }
  return { turn, from };
}

/**
 * How long each speaker talks, in seconds, in the order of `speakers`.
 * @param {Sheet} sheet
 * @returns {Map<string, number>}
 */
export function talkTimes({ transcript, times, speakers }) {
  const talked = new Map(speakers.map((/** @type {string} */ speaker) => [speaker, 0]));
  transcript.turns.forEach((/** @type {Turn} */ turn, /** @type {number} */ number) => {
    const [start, end] = times[number];
    if (hasText(turn) && talked.has(turn.speaker)) talked.set(turn.speaker, talked.get(turn.speaker) + end - start);
  });
  return talked;
}
