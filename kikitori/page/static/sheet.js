// @ts-check
// What a visitor can change in a recording's transcript. Nothing is changed in place: each function returns a new sheet,
// so that every earlier one can be brought back.
//
// A sheet holds `transcript` (kikitori/transcript.py as JSON), `times` (start and end of each turn in seconds, as they
// are shown) and `speakers` (labels). Python counts characters where JavaScript counts UTF-16 units, so places in a text
// are numbers of characters.

/** @typedef {any} Sheet */
/** @typedef {any} Turn */
/** @typedef {[number, number]} Span */
/** @typedef {import("./splitting.js").Field} Field */
/** @typedef {{ turn: number, field: Field, from: number, to: number }} Place characters of one of a turn's texts */

export const SHORTEST_TURN_SECONDS = 0.05;

/**
 * The language of a turn's text.
 * @param {any} transcript
 * @param {Turn} turn
 * @returns {string} English name
 */
export const languageOf = ({ language }, turn) => turn.language || language;

/**
 * Whether a turn still has a row: those whose texts were all deleted are removed.
 * @param {Turn} turn
 */
export const hasText = ({ text, source }) => Boolean(text || source);

/**
 * The language of a translation's original; those between English and Japanese have one.
 * @param {any} transcript
 */
export const sourceLanguage = ({ language }) => (language === "Japanese" ? "English" : "Japanese");

/**
 * Replace `count` turns and their times.
 * @param {Sheet} sheet
 * @param {number} number the first one
 * @param {number} count
 * @param {Turn[]} turns
 * @param {Span[]} times
 * @returns {Sheet}
 */
export function splice(sheet, number, count, turns, times) {
  const { transcript } = sheet;
  return withTurns(
    sheet,
    transcript.turns.toSpliced(number, count, ...turns),
    sheet.times.toSpliced(number, count, ...times),
  );
}

/**
 * The sheet with other turns. Its speakers keep their order and colours; those without a turn disappear.
 * @param {Sheet} sheet
 * @param {Turn[]} turns
 * @param {Span[]} times
 * @param {string[]} speakers in the order wanted
 * @returns {Sheet}
 */
function withTurns(sheet, turns, times, speakers = sheet.speakers) {
  const heard = new Set(turns.filter(hasText).map((turn) => turn.speaker));
  heard.delete(null);
  const kept = speakers.filter((speaker) => heard.has(speaker));
  return {
    ...sheet,
    times,
    speakers: [...new Set([...kept, ...heard])],
    transcript: { ...sheet.transcript, turns },
  };
}

/**
 * @param {Sheet} sheet
 * @param {number} number
 * @param {Partial<Turn>} change
 */
function changeTurn(sheet, number, change) {
  const { turns } = sheet.transcript;
  const turn = { ...turns[number], ...change };
  const isHeardAsBefore = turn.speaker === turns[number].speaker && hasText(turn) === hasText(turns[number]);
  if (!isHeardAsBefore) return splice(sheet, number, 1, [turn], [sheet.times[number]]);
  return { ...sheet, transcript: { ...sheet.transcript, turns: turns.with(number, turn) } };
}

/**
 * Give a turn another text. What the model was unsure of stays marked outside the changed part; times of words are lost.
 * @param {Sheet} sheet
 * @param {number} number
 * @param {string} text without white space at its ends; "" removes a turn that has no original
 * @returns {Sheet}
 */
export function setText(sheet, number, text) {
  const turn = sheet.transcript.turns[number];
  if (text === turn.text) return sheet;
  const low_confidence = keepOutsideChange(turn.low_confidence, [...turn.text], [...text]);
  return changeTurn(sheet, number, { text, words: [], low_confidence });
}

/**
 * Give the turn of a translation another original.
 * @param {Sheet} sheet
 * @param {number} number
 * @param {string} source without white space at its ends
 * @returns {Sheet}
 */
export function setSource(sheet, number, source) {
  return source === sheet.transcript.turns[number].source ? sheet : changeTurn(sheet, number, { source });
}

/**
 * @param {Span[]} ranges of the text before
 * @param {string[]} before
 * @param {string[]} after
 * @returns {Span[]}
 */
function keepOutsideChange(ranges, before, after) {
  const shorter = Math.min(before.length, after.length);
  let same = 0; // characters at the start
  while (same < shorter && before[same] === after[same]) same++;
  let tail = 0; // characters at the end
  while (tail < shorter - same && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  const moved = after.length - before.length;
  return ranges.flatMap(([start, end]) => {
    if (end <= same) return [/** @type {Span} */ ([start, end])];
    return start >= before.length - tail ? [/** @type {Span} */ ([start + moved, end + moved])] : [];
  });
}

/**
 * A part of a turn's text without white space at its ends. It may be empty.
 * @param {Turn} turn
 * @param {number} from
 * @param {number} to
 * @returns {Turn}
 */
export function part(turn, from, to) {
  const letters = [...turn.text];
  to = Math.min(to, letters.length);
  while (from < to && /\s/u.test(letters[from])) from++;
  while (to > from && /\s/u.test(letters[to - 1])) to--;
  const low_confidence = turn.low_confidence
    .map((/** @type {Span} */ [start, end]) => [Math.max(start, from) - from, Math.min(end, to) - from])
    .filter((/** @type {Span} */ [start, end]) => start < end);
  const words = wordsWithin(turn.words, from, to);
  return { ...turn, text: letters.slice(from, to).join(""), words, low_confidence };
}

/**
 * The words from one place to another, or none if a word is cut.
 * @param {any[]} words
 * @param {number} from
 * @param {number} to
 */
function wordsWithin(words, from, to) {
  const kept = [];
  let place = 0;
  for (const word of words) {
    const letters = [...word.text];
    const [start, end] = [place, place + letters.length];
    place = end;
    const text = letters.slice(Math.max(0, from - start), Math.max(0, to - start)).join("");
    const isWhole = text.trim() === word.text.trim();
    if (text.trim() && !isWhole) return [];
    if (text.trim()) kept.push({ ...word, text });
  }
  return kept;
}

/**
 * A turn with the times that are shown, if it has times.
 * @param {Turn} turn
 * @param {number} start
 * @param {number} end
 */
export function withTimes(turn, start, end) {
  if (turn.timing == null || turn.timing === "window") return turn;
  return { ...turn, start_seconds: start, end_seconds: end };
}

/**
 * Give one turn to a speaker, who may be new.
 * @param {Sheet} sheet
 * @param {number} number
 * @param {string} speaker
 * @returns {Sheet}
 */
export function setSpeaker(sheet, number, speaker) {
  return changeTurn(sheet, number, { speaker });
}

/**
 * Give a speaker another name; an existing one merges the two.
 * @param {Sheet} sheet
 * @param {string} speaker
 * @param {string} name
 * @returns {Sheet}
 */
export function renameSpeaker(sheet, speaker, name) {
  const renamed = (/** @type {Turn} */ turn) => (turn.speaker === speaker ? { ...turn, speaker: name } : turn);
  const speakers = sheet.speakers.map((/** @type {string} */ other) => (other === speaker ? name : other));
  return withTurns(sheet, sheet.transcript.turns.map(renamed), sheet.times, speakers);
}

/**
 * A label that no speaker has yet.
 * @param {Sheet} sheet
 */
export function newSpeaker({ speakers }) {
  let number = 0;
  while (speakers.includes(`spk_${number}`)) number++;
  return `spk_${number}`;
}

/**
 * Move a turn's start and end. They are no longer estimates. The others keep their times, which may then overlap with
 * them: people talk at the same time. Times stay within the recording, and turns in order of time.
 * @param {Sheet} sheet
 * @param {number} number
 * @param {number} start
 * @param {number} end
 * @returns {Sheet}
 */
export function setTimes(sheet, number, start, end) {
  const { turns, duration_seconds: length } = sheet.transcript;
  const from = Math.min(Math.max(0, start), Math.max(0, length - SHORTEST_TURN_SECONDS));
  const to = Math.min(Math.max(from + SHORTEST_TURN_SECONDS, end), Math.max(length, from));
  if (from === sheet.times[number][0] && to === sheet.times[number][1]) return sheet;
  const turn = turns[number];
  const timing = turn.timing == null ? turn.timing : "aligned";
  return inOrder(splice(sheet, number, 1, [withTimes({ ...turn, timing }, from, to)], [[from, to]]));
}

/**
 * The sheet with its turns in the order in which they begin; the same sheet if they are.
 * @param {Sheet} sheet
 * @returns {Sheet}
 */
export function inOrder(sheet) {
  const { times, transcript } = sheet;
  const order = times.map((/** @type {Span} */ _, /** @type {number} */ number) => number);
  order.sort((/** @type {number} */ one, /** @type {number} */ two) => times[one][0] - times[two][0]);
  const at = (/** @type {any[]} */ list) => order.map((/** @type {number} */ number) => list[number]);
  const isSame = order.every((/** @type {number} */ number, /** @type {number} */ place) => number === place);
  return isSame ? sheet : withTurns(sheet, at(transcript.turns), at(times));
}

/**
 * A span whose start or end has moved; it does not move past the other one.
 * @param {Span} span
 * @param {boolean} isEnd
 * @param {number} seconds
 * @returns {Span}
 */
export function withEdge([start, end], isEnd, seconds) {
  if (isEnd) return [start, Math.max(seconds, start + SHORTEST_TURN_SECONDS)];
  return [Math.min(seconds, end - SHORTEST_TURN_SECONDS), end];
}

/**
 * Where a text is found, in the order of turns and fields.
 * @param {Sheet} sheet
 * @param {string} wanted
 * @param {boolean} matchCase
 * @param {Field[]} fields in which it is looked for
 * @returns {Place[]}
 */
export function findText(sheet, wanted, matchCase = false, fields = ["text"]) {
  if (!wanted) return [];
  const fold = (/** @type {string} */ letter) => (matchCase ? letter : letter.toLowerCase());
  const target = [...wanted].map(fold);
  return sheet.transcript.turns.flatMap((/** @type {Turn} */ turn, /** @type {number} */ number) =>
    fields.flatMap((field) =>
      findLetters([...turn[field]].map(fold), target).map(([from, to]) => ({ turn: number, field, from, to })),
    ),
  );
}

/**
 * @param {string[]} letters
 * @param {string[]} target
 */
function findLetters(letters, target) {
  const spans = /** @type {Span[]} */ ([]);
  for (let from = 0; from + target.length <= letters.length; from++) {
    if (target.some((letter, at) => letters[from + at] !== letter)) continue;
    spans.push([from, from + target.length]);
    from += target.length - 1;
  }
  return spans;
}

/**
 * Replace what `findText` found. What the model was unsure of stays marked where nothing was replaced.
 * @param {Sheet} sheet
 * @param {Place[]} places in order
 * @param {string} replacement
 * @returns {Sheet}
 */
export function replaceText(sheet, places, replacement) {
  /** @type {Map<number, Turn>} */
  const changed = new Map();
  for (const place of places.toReversed()) {
    changed.set(
      place.turn,
      replaced(changed.get(place.turn) ?? sheet.transcript.turns[place.turn], place, replacement),
    );
  }
  const stripped = (/** @type {Turn} */ turn) => ({ ...part(turn, 0, Infinity), source: turn.source.trim() });
  return [...changed].reduce((made, [number, turn]) => changeTurn(made, number, stripped(turn)), sheet);
}

/**
 * @param {Turn} turn
 * @param {Place} place
 * @param {string} replacement
 */
function replaced(turn, { field, from, to }, replacement) {
  const before = [...turn[field]];
  const after = before.toSpliced(from, to - from, ...replacement);
  const changed = { ...turn, [field]: after.join("") };
  if (field === "source") return changed;
  return { ...changed, words: [], low_confidence: keepOutsideChange(turn.low_confidence, before, after) };
}

/**
 * The places that the model was unsure of, in order.
 * @param {Sheet} sheet
 * @returns {{ turn: number, from: number, to: number }[]}
 */
export function unsurePlaces(sheet) {
  return sheet.transcript.turns.flatMap((/** @type {Turn} */ turn, /** @type {number} */ number) =>
    turn.low_confidence.map((/** @type {Span} */ [from, to]) => ({ turn: number, from, to })),
  );
}

/**
 * Tick off a place that the model was unsure of.
 * @param {Sheet} sheet
 * @param {{ turn: number, from: number }} place
 * @returns {Sheet}
 */
export function tickOff(sheet, { turn, from }) {
  const { low_confidence: ranges } = sheet.transcript.turns[turn];
  const left = ranges.filter((/** @type {Span} */ [start]) => start !== from);
  return changeTurn(sheet, turn, { low_confidence: left });
}
