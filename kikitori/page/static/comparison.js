// @ts-check
// How a transcript differs from its reference.
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { showMessage } from "./message.js";

/**
 * Show a comparison.
 * @param {HTMLElement} element
 * @param {any} value what kikitori/page/comparison.py returns, {errors}, or nothing.
 */
export function showComparison(element, value) {
  if (!value || value.errors) return showMessage(element, value);
  const rate = (/** @type {any} */ { errors, length }) => `${((100 * errors) / length).toFixed(1)} %`;
  const sentence = (/** @type {string} */ key, /** @type {any} */ counts) =>
    say(key, rate(counts), counts.errors, counts.length);
  const rates = [sentence("words_wrong", value.words), sentence("characters_wrong", value.characters)];
  const pieces = value.pieces.flatMap((/** @type {any} */ { same, expected, written }) => {
    if (same) return [`${written} `];
    const parts = [expected && make("del", {}, expected), written && make("ins", {}, written)];
    return parts.filter(Boolean).flatMap((part) => [part, " "]);
  });
  const legend = [make("del", {}, say("missing")), " · ", make("ins", {}, say("added"))];
  element.replaceChildren(
    make("p", { class: "rates" }, rates.join(" · ")),
    make("p", { class: "compared" }, ...pieces),
    make("p", { class: "legend" }, ...legend),
  );
}
