// @ts-check
// How a row reads as a subtitle: its length and its speed, as kikitori/output/subtitles.py counts them.
import { hasText, SHORTEST_TURN_SECONDS } from "./sheet.js";

/**
 * @typedef {object} Style The usual size and speed of subtitles in a language.
 * @property {number} lines of one subtitle
 * @property {number} line_width characters of a line
 * @property {number} columns_per_character half-width columns
 * @property {number} characters_per_second
 * @property {number} seconds
 */

const CLUSTERS = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** Characters that are as wide as a Chinese one; halfwidth kana and Hangul are not. */
const WIDE =
  /(?![\uff61-\uffdc\p{RI}])[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\u309b-\u309c\u30a0\u30fb\u30fc\u3190-\u33ff\uff01-\uff60\uffe0-\uffe6]/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]*$/u;

/**
 * The length of a text in characters of a language: those that are half as wide as its usual ones count half.
 * @param {string} text
 * @param {Pick<Style, "columns_per_character">} style of the language
 */
export function lengthOf(text, { columns_per_character: columns }) {
  const widths = Array.from(CLUSTERS.segment(text), ({ segment }) =>
    WIDE.test(segment) ? 2 : Number(!INVISIBLE.test(segment)),
  );
  return widths.reduce((sum, width) => sum + width, 0) / columns;
}

/** @param {Style} style the most characters of one subtitle */
export const longest = ({ lines, line_width }) => lines * line_width;

/**
 * How fast a text has to be read, in characters per second.
 * @param {number} length in characters
 * @param {[number, number]} span
 */
export const readingSpeed = (length, [start, end]) => length / Math.max(end - start, SHORTEST_TURN_SECONDS);

const SHORTEST_OVERLAP_SECONDS = 0.01; // durations are shown in hundredths of a second

/**
 * How many seconds of each turn are those of an earlier one too; 0 for none.
 * @param {import("./sheet.js").Sheet} sheet
 * @returns {number[]}
 */
export function overlaps({ transcript, times }) {
  let latest = 0;
  return times.map((/** @type {[number, number]} */ [start, end], /** @type {number} */ number) => {
    if (!hasText(transcript.turns[number])) return 0;
    const seconds = Math.min(latest, end) - start;
    latest = Math.max(latest, end);
    return seconds < SHORTEST_OVERLAP_SECONDS ? 0 : seconds;
  });
}
