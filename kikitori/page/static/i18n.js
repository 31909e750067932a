// @ts-check
// Texts, numbers and names in the language of the visitor's browser (kikitori/page/languages/).
import { clock, make } from "./dom.js";

/**
 * The language of the page for a browser's language. Portuguese is Brazil's only where the browser says so: Gradio's
 * own texts make the same choice.
 * @param {string} tag
 */
export function chooseLanguage(tag) {
  const [language, ...rest] = tag.toLowerCase().split("-");
  if (language === "pt") return rest.includes("br") ? "pt-BR" : "pt-PT";
  return language === "ja" ? "ja" : "en";
}

const LANGUAGE = chooseLanguage(navigator.language);
const { [LANGUAGE]: texts } = /** @type {any} */ (globalThis).speechTexts;

/** Key of a tab -> the id of its panel, its name, and its directions. */
export const PAGE_TABS = /** @type {Record<string, { panel: string, name: string, directions: string[] }>} */ (
  texts.tabs
);

/** English name of a language -> its tag. */
export const LANGUAGE_TAGS = /** @type {Record<string, string>} */ (texts.tags);

/**
 * The usual size and speed of subtitles in a language.
 * @param {string} language English name
 * @returns {import("./subtitles.js").Style}
 */
export const subtitleStyle = (language) => own(texts.styles, language) ?? texts.other_style;

/**
 * What an object itself has under a name, which a stranger may have chosen.
 * @param {any} object
 * @param {string} name
 */
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

/**
 * Whether a kind of warnings means that text may be missing or wrong, as for the command line's exit code.
 * @param {{ kind: string }} warning
 */
export const isIncomplete = ({ kind }) => texts.incomplete.includes(kind);

/** Places of sentences that hold English names of languages. */
const LANGUAGE_PLACES = ["language", "detected", "expected", "choices"];
/** Warnings that nobody can act on. */
const HIDDEN_WARNINGS = ["repaired_times"];

/**
 * A text of the part `view`, with values in its places {0}, {1} and so on.
 * @param {string} key
 * @param {...any} values
 * @returns {string}
 */
export function say(key, ...values) {
  return texts[key].replace(/\{(\d)\}/g, (/** @type {string} */ _, /** @type {number} */ number) => values[number]);
}

/**
 * A number: 1,234.5 in English, 1.234,5 in Portuguese.
 * @param {number} number
 * @param {Intl.NumberFormatOptions} options
 */
export const formatNumber = (number, options = {}) => new Intl.NumberFormat(LANGUAGE, options).format(number);

/**
 * A share as a percentage.
 * @param {number} share
 * @param {number} digits after the point, at most
 */
export const formatPercent = (share, digits = 0) =>
  formatNumber(share, { style: "percent", maximumFractionDigits: digits });

/**
 * A duration in at most two units, rounded down as format_duration in kikitori/strings.py does.
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  const write = (/** @type {number} */ number, /** @type {string} */ unit) =>
    formatNumber(number, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 2 });
  if (seconds < 10) return write(Math.floor(Number((seconds * 100).toFixed(6))) / 100, "second");
  const whole = Math.floor(seconds);
  const units = /** @type {[number, string][]} */ ([
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ]);
  const shown = whole >= 3600 ? units.slice(0, 2) : units.slice(1);
  return shown
    .filter(([number]) => number)
    .map(([number, unit]) => write(number, unit))
    .join(" ");
}

/**
 * A value of an error's or warning's sentence: a number, {seconds}, {decibels}, or a text, which stays as it is.
 * @param {any} value
 * @param {string} name of its place
 * @returns {string}
 */
export function formatValue(value, name = "") {
  if (typeof value === "number") return formatNumber(value);
  if (typeof value?.seconds === "number") return formatDuration(value.seconds);
  if (value?.decibels === null) return say("no_level");
  if (typeof value?.decibels === "number") return `${formatNumber(value.decibels, { maximumFractionDigits: 1 })} dBFS`;
  if (name === "seconds") return formatDuration(Number(value));
  return LANGUAGE_PLACES.includes(name)
    ? String(value ?? "")
        .split(", ")
        .map(languageName)
        .join(", ")
    : String(value);
}

/**
 * A sentence with values in its places {name}.
 * @param {string} sentence
 * @param {Record<string, any>} values
 */
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => formatValue(values[name], name));

/**
 * An error's sentence, in the visitor's language if it is there, else Python's English one.
 * @param {{ text: string, code?: string, values?: Record<string, any> }} error
 */
export function makeError({ text, code = "", values = {} }) {
  const known = texts.errors[code];
  return make("div", { lang: known ? null : "en" }, known ? fill(known, values) : text);
}

/**
 * A warning's sentence with its time; hidden if nobody can act on it.
 * @param {{ kind: string, message: string, start_seconds: number | null, end_seconds: number | null, values?: any }} warning
 */
export function makeWarning({ kind, message, start_seconds: start, end_seconds: end, values = {} }) {
  const known = own(texts.warnings, kind);
  const time = start == null ? "" : end != null && start < end ? `${clock(start)}–${clock(end)}` : clock(start);
  const at = time && !known?.includes("{time}") ? `${time}: ` : "";
  const sentence = known ? at + fill(known, { ...values, time: clock(start ?? 0) }) : message;
  const hidden = HIDDEN_WARNINGS.includes(kind);
  return make("li", { class: "speech-warning", lang: known ? null : "en", hidden }, sentence);
}

/**
 * A language's name in the visitor's language.
 * @param {string} name English name
 */
export function languageName(name) {
  const tag = own(LANGUAGE_TAGS, name);
  return (tag && new Intl.DisplayNames([LANGUAGE], { type: "language" }).of(tag)) || name;
}

/**
 * A day and a time.
 * @param {number} milliseconds since 1970
 */
export function when(milliseconds) {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" }).format(milliseconds);
}

/**
 * The name of a speaker as people read it: Speaker 1 for the model's label spk_0, and a name that the visitor gave.
 * @param {string} label
 */
export function speakerName(label) {
  const number = /^spk_(\d+)$/.exec(label)?.[1];
  return number === undefined ? label : say("speaker_number", Number(number) + 1);
}

/**
 * The label that a name typed by the visitor means: that of the speaker who is shown under it, else the name itself.
 * @param {string} name
 * @param {string[]} labels of the speakers
 */
export const speakerLabel = (name, labels) => labels.find((label) => speakerName(label) === name) ?? name;
