// @ts-check
// The captions of the Live tab: firm text, and behind it in grey the text that may still change.
import { make } from "./dom.js";
import { say, speakerName } from "./i18n.js";
import { COLOURS } from "./timeline.js";

const AT_END = 40; // pixels: if the reader is no further from the end, the text scrolls along

export class Lines {
  constructor() {
    this.larger = make("button", { class: "live-larger", "aria-pressed": "false" }, say("live_larger"));
    this.larger.addEventListener("click", () => this.enlarge());
    this.text = make("div", { role: "log", class: "live-text", tabindex: 0, "aria-label": say("live_text") });
    this.provisional = make("p", { class: "live-provisional", hidden: true }, say("live_provisional"));
    this.element = make("div", {}, this.provisional, this.text);
    this.clear(false);
  }

  enlarge() {
    const isLarge = this.larger.getAttribute("aria-pressed") !== "true";
    this.larger.setAttribute("aria-pressed", String(isLarge));
    this.text.classList.toggle("live-large", isLarge);
    this.text.scrollTop = this.text.scrollHeight;
    if (isLarge) this.text.scrollIntoView({ block: "end" });
  }

  /** @param {boolean} hasSpeakers */
  clear(hasSpeakers) {
    this.provisional.hidden = !hasSpeakers;
    this.text.replaceChildren(make("p", { class: "live-empty" }, say("live_empty")));
  }

  /**
   * @param {import("./live_captions.js").Captions} captions
   * @param {number} first the first line that may have changed
   */
  show({ lines }, first) {
    const { text } = this;
    const isAtEnd = text.scrollHeight - text.scrollTop - text.clientHeight < AT_END;
    if (!lines.length) return; // what stands there says what will come
    text.querySelector(".live-empty")?.remove();
    while (text.children.length > first) text.lastElementChild.remove();
    text.append(...lines.slice(first).map(makeLine));
    if (isAtEnd) text.scrollTop = text.scrollHeight;
  }
}

/** @param {import("./live_captions.js").Line} line */
function makeLine({ firm, tentative, turns }) {
  if (turns) return make("div", {}, ...turns.map(makeTurn));
  // What may change is not read aloud.
  const rest = tentative ? [make("span", { class: "live-tentative", "aria-hidden": "true" }, tentative)] : [];
  return make("p", { dir: "auto" }, firm, ...rest);
}

/** @param {{ speaker: string | null, text: string }} turn the speaker's label ends with a question mark */
function makeTurn({ speaker, text }) {
  const label = (speaker ?? "").replace(/\?$/, "");
  const number = Number(/\d+$/.exec(label)?.[0] ?? 0) % COLOURS;
  const who = label ? [make("b", { class: `speaker-${number}` }, `${speakerName(label)}? `)] : [];
  return make("p", { dir: "auto" }, ...who, text);
}
