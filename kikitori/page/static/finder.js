// @ts-check
// Find and replace in a transcript.
import { isComposing, rangeOf } from "./caret.js";
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { findText, replaceText } from "./sheet.js";

export class Finder {
  /** @param {any} view */
  constructor(view) {
    this.view = view;
    /** @type {import("./sheet.js").Place[]} */
    this.places = [];
    this.place = -1;
    const onkeydown = (/** @type {KeyboardEvent} */ event) => this.press(event);
    const label = (/** @type {string} */ key) => ({ "aria-label": say(key), placeholder: say(key), onkeydown });
    this.wanted = make("input", { type: "search", ...label("find"), oninput: () => this.show() });
    this.replacement = make("input", { ...label("replace_with") });
    this.count = make("span", { class: "count", role: "status" });
    this.matchCase = make("input", { type: "checkbox", onchange: () => this.show() });
    this.element = make(
      "div",
      { class: "finder", role: "search", hidden: true },
      this.wanted,
      make("button", { onclick: () => this.next() }, say("find_next")),
      this.count,
      this.replacement,
      make("button", { onclick: () => this.replace(false) }, say("replace_one")),
      make("button", { onclick: () => this.replace(true) }, say("replace_all")),
      make("label", {}, this.matchCase, say("match_case")),
    );
  }

  /** Open the finder, or close it. */
  toggle() {
    this.element.hidden = !this.element.hidden;
    this.view.tools.find.setAttribute("aria-expanded", String(!this.element.hidden));
    this.show();
    if (this.element.hidden) return this.view.tools.find.focus();
    this.wanted.select();
  }

  /** Find again: the texts that are shown or the wanted words have changed. */
  show() {
    const { editor, sheet } = this.view;
    const wanted = this.element.hidden ? "" : this.wanted.value;
    this.places = findText(sheet, wanted, this.matchCase.checked, editor.shownFields);
    this.place = Math.min(this.place, this.places.length - 1);
    this.count.textContent = this.wanted.value
      ? say("found", this.place < 0 ? 0 : this.place + 1, this.places.length)
      : "";
    this.highlight();
  }

  /** Mark what was found, without a change of the rows. Browsers that can't do it still go from place to place. */
  highlight() {
    if (!("highlights" in CSS)) return;
    const ranges = this.places.flatMap(({ turn, field, from, to }) => {
      const row = this.view.editor.rowAt(turn);
      return row ? [rangeOf(row.elementOf(field), from, to)] : [];
    });
    CSS.highlights.set(`found-${this.view.tab}`, new Highlight(...ranges));
  }

  next() {
    if (!this.places.length) return;
    this.place = (this.place + 1) % this.places.length;
    this.view.editor.select(this.places[this.place]);
    this.show();
  }

  /** @param {boolean} all */
  replace(all) {
    const places = all ? this.places : this.places.slice(Math.max(0, this.place), Math.max(0, this.place) + 1);
    if (!places.length || this.view.isBusy) return;
    const [first] = places;
    const end = first.from + [...this.replacement.value].length;
    this.view.change(replaceText(this.view.sheet, places, this.replacement.value));
    // On after the replacement, which may contain what is looked for.
    this.place = this.places.findIndex((one) => this.isAfter(one, { ...first, from: end }));
    this.show();
    if (all) this.count.textContent = say("replaced", places.length);
  }

  /**
   * @param {import("./sheet.js").Place} one
   * @param {import("./sheet.js").Place} other
   */
  isAfter(one, other) {
    const fields = this.view.editor.shownFields;
    if (one.turn !== other.turn) return one.turn > other.turn;
    return one.field === other.field ? one.from >= other.from : fields.indexOf(one.field) > fields.indexOf(other.field);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (isComposing(event)) return;
    if (event.key === "Escape") this.toggle();
    else if (event.key === "Enter" && event.target === this.wanted) {
      const { wanted } = this;
      this.next();
      wanted.focus();
    } else if (event.key === "Enter") this.replace(false);
  }
}
