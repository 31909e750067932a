// @ts-check
// A project as a file: everything on the page but the sound, and the path that the sound has on the server.
import { strip } from "./dom.js";

const FORMAT = "kikitori-project";
const VERSION = 1;
const TIMINGS = ["aligned", "estimated", "window"];

/**
 * The text of a project's file.
 * @param {{ name: string, sheets: any[], current: number, references?: string[], reference?: string }} project
 */
export function writeProject({ name, sheets, current, reference = "", references = [reference] }) {
  const silent = sheets.map((sheet) => ({ ...sheet, sound: null }));
  return JSON.stringify({ format: FORMAT, version: VERSION, name, sheets: silent, current, references });
}

/**
 * Read a project's file, which a stranger may have made: nothing that is unknown is taken over.
 * @param {string} text
 * @returns {{ name: string, sheets: any[], current: number, references: string[] } | null} null if it is no project
 */
export function readProject(text) {
  try {
    const { format, version, name, sheets, current, reference, references = [reference] } = JSON.parse(text);
    const isKnown = format === FORMAT && version === VERSION && typeof name === "string";
    if (!isKnown || !Array.isArray(sheets) || !sheets.length || !sheets.every(isSheet)) return null;
    const read = sheets.map(readSheet);
    const shown = Number.isInteger(current) && read[current] ? current : 0;
    return { name, sheets: read, current: shown, references: readTexts(references, read.length) };
  } catch {
    return null; // no JSON, or something else than objects where they belong
  }
}

/**
 * @param {any} texts of sheets
 * @param {number} count of the sheets
 */
const readTexts = (texts, count) =>
  (Array.isArray(texts) ? texts : []).slice(0, count).map((text) => (typeof text === "string" ? text : ""));

/** @param {any} sheet */
function isSheet({ transcript, times, speakers }) {
  const { turns, warnings, audio, direction, language, checkpoint, raw_text, duration_seconds: seconds } = transcript;
  return (
    [audio, direction, language, checkpoint, raw_text].every((text) => typeof text === "string") &&
    Number.isFinite(seconds) &&
    warnings.every(isWarning) &&
    speakers.every((/** @type {any} */ speaker) => typeof speaker === "string" && speaker) &&
    times.length === turns.length &&
    times.every(isSpan) &&
    turns.every(isTurn)
  );
}

/** @param {any} warning */
function isWarning({ kind, message, values, start_seconds: start, end_seconds: end }) {
  const isTime = (/** @type {any} */ time) => time === null || Number.isFinite(time);
  return (
    [kind, message].every((text) => typeof text === "string") &&
    isTime(start) &&
    isTime(end) &&
    Object.values(values).every((value) => ["string", "number"].includes(typeof value))
  );
}

/** @param {any} span */
function isSpan(span) {
  return span.length === 2 && span.every(Number.isFinite) && 0 <= span[0] && span[0] <= span[1];
}

/** @param {any} turn */
function isTurn({ text, source, speaker, language, words, low_confidence: ranges }) {
  return (
    [text, source, language].every((part) => typeof part === "string") &&
    (speaker === null || (typeof speaker === "string" && speaker !== "")) &&
    Array.isArray(words) &&
    Array.isArray(ranges)
  );
}

/** @param {any} sheet */
function readSheet({ transcript, times, speakers, peaks, length, begun }) {
  const { turns, warnings, audio, direction, language, checkpoint, raw_text, duration_seconds } = transcript;
  const read = turns.map(readTurn);
  return {
    transcript: { audio, direction, language, checkpoint, raw_text, duration_seconds, warnings, turns: read },
    times,
    speakers,
    sound: null,
    ...(Number.isFinite(begun) ? { begun } : {}),
    ...(Number.isFinite(length) && length > 0 ? { length } : {}),
    ...(arePeaks(peaks) ? { peaks: { levels: peaks.levels, each: peaks.each } } : {}),
  };
}

/**
 * A turn as Python takes it (kikitori/transcript.py): what does not fit its text is left out.
 * @param {any} turn
 */
function readTurn({ source, speaker, language, ...turn }) {
  const text = strip(turn.text);
  const times = [turn.start_seconds, turn.end_seconds];
  const isTimed = TIMINGS.includes(turn.timing) && isSpan(times);
  const [start_seconds, end_seconds] = isTimed ? times : [null, null];
  const words = isTimed && turn.timing === "aligned" && areWords(turn.words, text) ? turn.words : [];
  const low_confidence = areRanges(turn.low_confidence, [...text].length) ? turn.low_confidence : [];
  const timing = isTimed ? turn.timing : null;
  return { text, source, speaker, language, start_seconds, end_seconds, timing, words, low_confidence };
}

/**
 * @param {any[]} words
 * @param {string} text which they have to join to
 */
function areWords(words, text) {
  const isWord = (/** @type {any} */ word) =>
    typeof word?.text === "string" && word.text.trim() && isSpan([word.start_seconds, word.end_seconds]);
  return words.every(isWord) && words.map(({ text: part }) => part).join("") === text;
}

/**
 * @param {any[]} ranges of a text, in order
 * @param {number} length in characters
 */
function areRanges(ranges, length) {
  let before = 0;
  return ranges.every((range) => {
    const fits = range?.length === 2 && range.every(Number.isInteger) && before <= range[0] && range[0] < range[1];
    before = fits ? range[1] : 0;
    return fits && range[1] <= length;
  });
}

/** @param {any} peaks */
function arePeaks(peaks) {
  const isBase64 =
    typeof peaks?.levels === "string" &&
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(peaks.levels);
  return isBase64 && Number.isFinite(peaks.each) && peaks.each > 0;
}
