// @ts-check
// Texts in the language of the visitor's browser (kikitori/page/languages/).
import { clock, make } from "./dom.js";

const language = ["ja", "pt"].find((tag) => navigator.language.startsWith(tag)) ?? "en";
const texts = /** @type {any} */ (window).speechTexts[language];

/** English name of a language -> its tag. */
export const LANGUAGE_TAGS = /** @type {Record<string, string>} */ (texts.tags);

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
 * An error's sentence, in the visitor's language if it is there, else Python's English one.
 * @param {{ text: string, code?: string, values?: Record<string, string> }} error
 */
export function makeError({ text, code = "", values = {} }) {
  const known = texts.errors[code];
  const place = (/** @type {string} */ _, /** @type {string} */ name) => values[name];
  return make("div", { lang: known ? null : "en" }, known?.replace(/\{(\w+)\}/g, place) ?? text);
}

/**
 * A warning's sentence with its time.
 * @param {{ kind: string, message: string, start_seconds: number | null, end_seconds: number | null, values?: any }} warning
 */
export function makeWarning({ kind, message, start_seconds: start, end_seconds: end, values = {} }) {
  const known = texts.warnings[kind];
  const when = start == null ? "" : `${end != null && start < end ? `${clock(start)}–${clock(end)}` : clock(start)}: `;
  const place = (/** @type {string} */ _, /** @type {string} */ name) => languageName(values[name]);
  const sentence = known ? when + known.replace(/\{(\w+)\}/g, place) : message;
  return make("li", { class: "warning", lang: known ? null : "en" }, sentence);
}

/**
 * A language's name in the visitor's language.
 * @param {string} name English name
 */
export function languageName(name) {
  const tag = LANGUAGE_TAGS[name];
  return (tag && new Intl.DisplayNames([language], { type: "language" }).of(tag)) || name;
}

/**
 * A share as a percentage.
 * @param {number} share 0 to 1
 */
export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent" }).format(share);
}

/**
 * A day and a time.
 * @param {number} milliseconds since 1970
 */
export function when(milliseconds) {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(milliseconds);
}
