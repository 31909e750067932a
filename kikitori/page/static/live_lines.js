// @ts-check
// The captions of the Live tab: firm text, and behind it in grey the text that may still change.
import { make } from "./dom.js";
import { say, speakerName } from "./i18n.js";
import { openTab, tabName } from "./tabs.js";
import { COLOURS } from "./timeline.js";

const AT_END = 40; // pixels: if the reader is no further from the end, the text scrolls along
const LEAST_ROOM = 96; // pixels of text, even if what stands above it fills the screen
const EDGE = 8; // pixels between the text and the edge of the window; its scroll-margin in live.css

/**
 * The text scrolls in a box that has room on the screen together with all that stands above it. The window scrolls until
 * the box can be seen. Whoever scrolls up, in the box or in the window, is left alone until they are back at the end.
 */
export class Lines {
  /** @param {HTMLElement} top what has to be seen together with the text; it stands above it */
  constructor(top) {
    this.top = top;
    this.larger = make("button", { class: "live-larger", "aria-pressed": "false" }, say("live_larger"));
    this.larger.addEventListener("click", () => this.enlarge());
    this.text = make("div", { role: "log", class: "live-text", tabindex: 0, "aria-label": say("live_text") });
    this.provisional = make("p", { class: "live-provisional", hidden: true }, say("live_provisional"));
    this.finished = make("p", { class: "live-provisional", hidden: true });
    this.empty = make("p", { class: "live-empty" }, say("live_empty"));
    this.element = make("div", {}, this.provisional, this.finished, this.text);
    this.hasSpeakers = false;
    this.isAtEnd = true;
    this.isSeen = false; // whether the end of the box was on the screen at the last change
    this.text.addEventListener("scroll", () => this.noteEnd(), { passive: true });
    addEventListener("resize", () => this.follow());
    this.clear(false);
  }

  enlarge() {
    const isLarge = this.larger.getAttribute("aria-pressed") !== "true";
    this.larger.setAttribute("aria-pressed", String(isLarge));
    this.text.classList.toggle("live-large", isLarge);
    this.fit();
    this.reveal();
  }

  /** @param {boolean} hasSpeakers */
  clear(hasSpeakers) {
    this.hasSpeakers = hasSpeakers;
    this.provisional.hidden = !hasSpeakers;
    this.finished.hidden = true;
    this.text.replaceChildren(this.empty);
    this.isAtEnd = true;
  }

  /**
   * Say where the transcript of the text is.
   * @param {string | null} tab null if there is none
   */
  finish(tab) {
    this.finished.hidden = tab === null;
    this.provisional.hidden = !this.hasSpeakers || tab !== null; // the transcript says who spoke
    if (tab !== null) {
      const see = make("button", { onclick: () => openTab(tab) }, say("live_see"));
      this.finished.replaceChildren(say("live_finished", tabName(tab)), " ", see);
    }
    this.fit();
  }

  get isEmpty() {
    return this.empty.isConnected;
  }

  /**
   * Say in the empty box what is awaited; nothing moves when the text comes.
   * @param {string} sentence
   */
  wait(sentence) {
    if (this.empty.textContent !== sentence) this.empty.textContent = sentence;
  }

  /**
   * @param {import("./live_captions.js").Captions} captions
   * @param {number} first the first line that may have changed
   */
  show({ lines }, first) {
    const { text } = this;
    if (!lines.length) return; // what stands there says what will come
    this.change(() => {
      this.empty.remove();
      while (text.children.length > first) text.lastElementChild?.remove();
      text.append(...lines.slice(first).map(makeLine));
    });
  }

  /**
   * Change the text or what stands above it. If the end of the text can be seen before, it can be seen afterwards.
   * @param {() => void} what
   */
  change(what) {
    this.noteEnd();
    this.isSeen = this.text.getBoundingClientRect().bottom <= innerHeight + AT_END;
    what();
    this.follow();
  }

  follow() {
    this.fit();
    if (this.isSeen && this.isAtEnd) this.reveal();
  }

  noteEnd() {
    const { clientHeight, scrollHeight, scrollTop } = this.text;
    this.isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END;
    this.text.classList.toggle("live-more-above", scrollTop > 0);
  }

  /** Give the box the room that is left on the screen. */
  fit() {
    const { text } = this;
    const above = text.getBoundingClientRect().top - this.top.getBoundingClientRect().top;
    text.style.setProperty("--live-room", `${Math.max(LEAST_ROOM, innerHeight - above - 2 * EDGE)}px`);
    if (this.isAtEnd) text.scrollTop = text.scrollHeight;
  }

  /** Scroll the window as far as is needed to see the box. */
  reveal() {
    const { bottom } = this.text.getBoundingClientRect();
    if (bottom > innerHeight - EDGE) this.text.scrollIntoView({ block: "end" });
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
