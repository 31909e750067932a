// @ts-check
// Splitting a turn in two, and joining two turns. A translation and its original are split at the same share of each.
import { hasText, languageOf, part, sourceLanguage, splice, withTimes } from "./sheet.js";
import { timeInText } from "./spoken.js";

/** @typedef {import("./sheet.js").Sheet} Sheet */
/** @typedef {import("./sheet.js").Span} Span */
/** @typedef {"text" | "source"} Field a text of a turn: what is written, or what was said in another language */

/** Languages that are written without spaces between words. */
const UNSPACED = new Set(["Japanese", "Chinese", "Cantonese", "Thai"]);
const WORDS = new Intl.Segmenter(undefined, { granularity: "word" });
/** How much further away, as a share of the text, the end of a sentence or of a clause may be than that of a word. */
const SENTENCE_REACH = 0.2;
const CLAUSE_REACH = 0.1;

/**
 * Split a turn in two at a place in one of its texts. The other text is split near the same share of it; if it has only
 * one word, that stays in the first part.
 * @param {Sheet} sheet
 * @param {number} number
 * @param {number} place in characters
 * @param {Field} field
 * @returns {Sheet} the same sheet if the place is at an end of the text
 */
export function splitTurn(sheet, number, place, field = "text") {
  const turn = sheet.transcript.turns[number];
  const share = place / [...turn[field]].length;
  const at = { text: breakNear(turn.text, share), source: breakNear(turn.source, share), [field]: place };
  const first = part(turn, 0, at.text);
  const second = part(turn, at.text, Infinity);
  const [before, after] = divide(turn.source, at.source);
  const isInside = first.text && second.text;
  if (!(field === "text" ? isInside : before && after)) return sheet;
  const [start, end] = sheet.times[number];
  const heard = isInside ? timeInText(turn, at.text, [start, end]) : start + share * (end - start);
  const middle = Math.min(Math.max(start, heard), end);
  const times = /** @type {Span[]} */ ([
    [start, middle],
    [middle, end],
  ]);
  const turns = [
    withTimes({ ...first, source: before }, start, middle),
    withTimes({ ...second, source: after }, middle, end),
  ];
  return splice(sheet, number, 1, turns, times);
}

/**
 * @param {string} text
 * @param {number} place in characters
 */
function divide(text, place) {
  const letters = [...text];
  return [letters.slice(0, place), letters.slice(place)].map((half) => half.join("").trim());
}

/**
 * Where a text can be split near a share of it: between two words, better after a clause or a sentence.
 * @param {string} text
 * @param {number} share 0 to 1
 * @returns {number} in characters; the text's end if it has one word
 */
export function breakNear(text, share) {
  const length = [...text].length;
  let best = { place: length, cost: Infinity };
  for (const { index, isWordLike } of WORDS.segment(text)) {
    const before = text.slice(0, index);
    if (!isWordLike || !/[\p{L}\p{N}]/u.test(before)) continue;
    const place = [...before].length;
    const cost = Math.abs(place / length - share) - reachAfter(before.trimEnd());
    if (cost < best.cost) best = { place, cost };
  }
  return best.place;
}

/** @param {string} before the text before a break */
function reachAfter(before) {
  if (/\p{Sentence_Terminal}\p{P}*$/u.test(before)) return SENTENCE_REACH;
  return /\p{P}$/u.test(before) ? CLAUSE_REACH : 0;
}

/**
 * Join a turn to the one before it that has text, whose speaker it gets.
 * @param {Sheet} sheet
 * @param {number} number
 * @returns {Sheet} the same sheet if there is none before it
 */
export function joinTurns(sheet, number) {
  const { transcript } = sheet;
  const before = lastWithText(sheet, number);
  if (before < 0) return sheet;
  const [one, two] = [transcript.turns[before], transcript.turns[number]];
  const space = spaceBetween(one.text, two.text, languageOf(transcript, two));
  const moved = [...one.text].length + space.length;
  const low = two.low_confidence.map((/** @type {Span} */ [start, end]) => [start + moved, end + moved]);
  const timed = (one.words.length || !one.text) && (two.words.length || !two.text);
  const [start] = sheet.times[before];
  const end = Math.max(sheet.times[before][1], sheet.times[number][1]);
  const joined = {
    ...one,
    text: one.text + space + two.text,
    low_confidence: [...one.low_confidence, ...low],
    words: timed ? [...one.words, ...spaced(two.words, space)] : [],
    source: one.source + spaceBetween(one.source, two.source, sourceLanguage(transcript)) + two.source,
  };
  return splice(sheet, before, number - before + 1, [withTimes(joined, start, end)], [[start, end]]);
}

/**
 * The number of the last turn before a turn that was not removed; -1 for none.
 * @param {Sheet} sheet
 * @param {number} number
 * @returns {number}
 */
export function lastWithText({ transcript }, number) {
  return transcript.turns.findLastIndex(
    (/** @type {any} */ turn, /** @type {number} */ at) => at < number && hasText(turn),
  );
}

/**
 * What stands between two texts that are joined.
 * @param {string} one
 * @param {string} two
 * @param {string} language
 */
const spaceBetween = (one, two, language) => (one && two && !UNSPACED.has(language) ? " " : "");

/**
 * Words with a space before the first one.
 * @param {any[]} words
 * @param {string} space
 */
function spaced(words, space) {
  return words.map((word, number) => (number ? word : { ...word, text: space + word.text }));
}
