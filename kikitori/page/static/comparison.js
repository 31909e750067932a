// @ts-check
// How a transcript differs from its reference: a card with the score and the differences, which can be printed.
import { make } from "./dom.js";
import { audioName } from "./file_names.js";
import { formatNumber, formatPercent, say } from "./i18n.js";
import { showMessage } from "./message.js";

/** @typedef {{ same: boolean, expected: string, written: string }} Piece a run of words that agree or differ */

/** Whether case and punctuation are ignored. */
let lenient = true;

/**
 * Show a comparison.
 * @param {HTMLElement} element
 * @param {any} value what compare_shown in kikitori/page/jobs.py returns, {errors}, or nothing.
 * @param {any} sheet that was compared
 */
export function showComparison(element, value, sheet) {
  if (!value || value.errors) return showMessage(element, value);
  const { words, characters, pieces } = lenient ? value.lenient : value.exact;
  const wrong = pieces.filter((/** @type {Piece} */ piece) => !piece.same);
  const card = make("section", { class: "score-card", "aria-label": say("differences") });
  const onchange = (/** @type {any} */ event) => {
    lenient = event.target.checked;
    showComparison(element, value, sheet);
    element.querySelector("input")?.focus();
  };
  card.append(
    make("p", { class: "recording" }, sheet ? audioName(sheet) : value.name),
    make("p", { class: "score", role: "status" }, say("score", formatPercent(Math.floor(100 * accuracy(words)) / 100))),
    make(
      "p",
      { class: "controls" },
      make("label", {}, make("input", { type: "checkbox", checked: lenient, onchange }), say("lenient")),
      make("button", { class: "print", onclick: () => print(card) }, say("print")),
    ),
    make("p", { class: "rates" }, sentence("words_wrong", words), make("br"), sentence("characters_wrong", characters)),
    make("p", { class: "compared" }, ...pieces.flatMap(marked)),
    make("p", { class: "legend" }, make("del", {}, say("added")), " → ", make("ins", {}, say("missing"))),
  );
  if (wrong.length) {
    card.append(make("h3", {}, say("differences")), make("ol", { class: "differences" }, ...wrong.map(difference)));
  }
  element.replaceChildren(card);
}

/**
 * The share of the words that are right. The reference has at least one.
 * @param {{ errors: number, length: number }} counts
 */
const accuracy = ({ errors, length }) => Math.max(0, 1 - errors / length);

/**
 * @param {string} key
 * @param {{ errors: number, length: number }} counts
 */
const sentence = (key, { errors, length }) =>
  say(key, formatPercent(errors / length, 1), formatNumber(errors), formatNumber(length));

/** @param {Piece} piece */
function marked({ same, expected, written }) {
  if (same) return [`${written} `];
  const parts = [written && make("del", {}, written), expected && make("ins", {}, expected)].filter(Boolean);
  return parts.flatMap((part) => [part, " "]);
}

/** @param {Piece} piece */
function difference({ expected, written }) {
  const was = written ? make("del", {}, written) : say("nothing_written");
  const should = expected ? make("ins", {}, expected) : say("nothing_expected");
  return make("li", {}, was, " → ", should);
}

/** Of what is printed. Gradio applies the style sheets to its own part of the page only. */
const PRINT_STYLE = `
  @media screen { .speech-printed { display: none } }
  @media print { body > :not(.speech-printed), .speech-printed .controls { display: none !important } }
  .speech-printed { color: #000; font: 11pt/1.6 system-ui, sans-serif }
  .speech-printed .score { font-size: 28pt; font-weight: 700; margin: 0 }
  .speech-printed del { color: #7f1d1d }
  .speech-printed ins { color: #14532d; font-weight: 600 }
`;

/**
 * Print the card alone.
 * @param {HTMLElement} card
 */
function print(card) {
  const sheet = make("div", { class: "speech-printed" }, make("style", {}, PRINT_STYLE), card.cloneNode(true));
  document.body.append(sheet);
  window.print();
  sheet.remove();
}
