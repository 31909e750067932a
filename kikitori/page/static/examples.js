// @ts-check
// The recordings that a visitor can try: one click transcribes one.
import { clock, make } from "./dom.js";
import { say } from "./i18n.js";
import { take } from "./offers.js";

/**
 * Show a tab's examples.
 * @param {HTMLElement} element
 * @param {{ name: string, direction: string, seconds: number, path: string }[]} examples
 */
export function showExamples(element, examples) {
  const buttons = examples.map(({ name, direction, seconds, path }) => {
    const onclick = () => take(`offer_${direction}`, [{ path, name: `${name}.flac` }]);
    return make("button", { onclick }, make("b", {}, say(`example_${name}`)), ` · ${clock(seconds)}`);
  });
  element.replaceChildren(make("h3", {}, say("examples")), make("div", { class: "list" }, ...buttons));
}
