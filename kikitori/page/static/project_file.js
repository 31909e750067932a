// @ts-check
// A project as a file: everything on the page but the sound, and the path that the sound has on the server.

const FORMAT = "kikitori-project";
const VERSION = 1;

/**
 * The text of a project's file.
 * @param {{ name: string, sheets: any[], current: number }} project
 */
export function writeProject({ name, sheets, current }) {
  const silent = sheets.map((sheet) => ({ ...sheet, sound: null }));
  return JSON.stringify({ format: FORMAT, version: VERSION, name, sheets: silent, current });
}

/**
 * Read a project's file, which a stranger may have made.
 * @param {string} text
 * @returns {{ name: string, sheets: any[], current: number } | null} null if it is no project
 */
export function readProject(text) {
  try {
    const { format, version, name, sheets, current } = JSON.parse(text);
    const isKnown = format === FORMAT && version === VERSION && typeof name === "string";
    if (!isKnown || !Array.isArray(sheets) || !sheets.length || !sheets.every(isSheet)) return null;
    const silent = sheets.map((sheet) => ({ ...sheet, sound: null }));
    return { name, sheets: silent, current: Number.isInteger(current) && sheets[current] ? current : 0 };
  } catch {
    return null; // no JSON, or something else than objects where they belong
  }
}

/** @param {any} sheet */
function isSheet({ transcript, times, speakers, peaks }) {
  const { turns, warnings, audio, direction, language, checkpoint, raw_text, duration_seconds: seconds } = transcript;
  return (
    [audio, direction, language, checkpoint, raw_text].every((text) => typeof text === "string") &&
    Number.isFinite(seconds) &&
    (peaks === undefined || (/^[A-Za-z0-9+/]*={0,2}$/.test(peaks.levels) && peaks.each > 0)) &&
    warnings.every((/** @type {any} */ warning) => typeof warning.kind === "string") &&
    speakers.every((/** @type {any} */ speaker) => typeof speaker === "string") &&
    times.length === turns.length &&
    times.every(isSpan) &&
    turns.every(isTurn)
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
    (speaker === null || typeof speaker === "string") &&
    words.every((/** @type {any} */ word) => typeof word.text === "string" && Number.isFinite(word.start_seconds)) &&
    ranges.every((/** @type {any} */ range) => range.length === 2 && range.every(Number.isInteger))
  );
}
