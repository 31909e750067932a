// @ts-check
// What is chosen before a live session: the direction, and the language if the direction takes any.
import { make } from "./dom.js";
import { say } from "./i18n.js";
import { tabName, tabOf } from "./tabs.js";

const ANY = "transcribe";

export class LiveSetup {
  /** @param {{ languages: [string, string][], directions: [string, string][] }} choices name and value of each */
  constructor({ languages, directions }) {
    // A name that is empty is that of the direction's tab.
    const named = directions.map(([name, value]) => [name || tabName(/** @type {string} */ (tabOf(value))), value]);
    this.directions = makeSelect(/** @type {[string, string][]} */ (named));
    this.languages = makeSelect(languages);
    this.language_label = make("label", {}, make("span", {}, say("live_language")), this.languages);
    const direction = make("label", {}, make("span", {}, say("live_direction")), this.directions);
    this.element = make("div", { class: "live-setup" }, direction, this.language_label);
    this.directions.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    this.language_label.hidden = this.direction !== ANY;
  }

  get direction() {
    return this.directions.value;
  }

  /** Empty for a direction that has its own language. */
  get language() {
    return this.direction === ANY ? this.languages.value : "";
  }

  /** @param {boolean} isLocked whether nothing can be chosen */
  lock(isLocked) {
    this.directions.disabled = this.languages.disabled = isLocked;
  }
}

/** @param {[string, string][]} choices */
const makeSelect = (choices) => make("select", {}, ...choices.map(([name, value]) => make("option", { value }, name)));
