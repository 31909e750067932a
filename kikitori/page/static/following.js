// @ts-check
// The text follows the sound, except while somebody types in it or has scrolled away from the row that is playing.
import { make } from "./dom.js";

const FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable=false])";

/**
 * Whether all of a line can be seen, or as much as fits.
 * @param {{ top: number, bottom: number }} line
 * @param {{ top: number, bottom: number }} window
 */
export function isSeen(line, window) {
  const isTall = line.bottom - line.top > window.bottom - window.top;
  return line.top >= window.top - 1 && (line.bottom <= window.bottom + 1 || (isTall && line.top < window.bottom));
}

/**
 * `button` leads back to the line that is playing. It is shown while the text does not follow and that line is out of
 * sight. The scroller's scroll-padding is kept free.
 */
export class Following {
  /**
   * @param {HTMLElement} scroller what scrolls the text; document.documentElement for the page
   * @param {string} label of the button
   */
  constructor(scroller, label) {
    this.scroller = scroller;
    this.isPage = scroller === document.documentElement;
    /** @type {HTMLElement | null} */
    this.line = null;
    this.isAway = false;
    this.top = scroller.scrollTop;
    /** @type {{ line?: HTMLElement, word?: Element }} What is marked as being said. */
    this.said = {};
    this.button = make("button", { class: "back-to-position", hidden: true, onclick: () => this.goBack() }, label);
    const target = this.isPage ? document : scroller;
    target.addEventListener("scroll", () => this.noteScroll(), { passive: true });
  }

  /**
   * The sound has moved to a line.
   * @param {HTMLElement} line
   * @param {boolean} jumped whether the visitor moved it; the text then follows again
   */
  follow(line, jumped) {
    this.line = line;
    if (jumped || this.isLineSeen()) this.isAway = false;
    if (!this.isAway && !this.isTyping()) this.scrollToLine();
    this.showButton();
  }

  /** The lines are made anew. */
  forget() {
    this.line = null;
    this.showButton();
  }

  /** Follow again. */
  goBack() {
    this.isAway = false;
    this.scrollToLine();
    this.showButton();
  }

  /** Somebody else than this has scrolled, or nobody has. */
  noteScroll() {
    const { scrollTop } = this.scroller;
    if (scrollTop === this.top) return;
    this.top = scrollTop;
    this.isAway = this.line !== null && !this.isLineSeen();
    this.showButton();
  }

  isTyping() {
    const field = document.activeElement;
    return field !== null && this.scroller.contains(field) && field.matches(FIELDS);
  }

  isLineSeen() {
    return this.line !== null && isSeen(this.line.getBoundingClientRect(), this.window());
  }

  /** The part of the screen in which the text is seen. */
  window() {
    const { scrollPaddingTop, scrollPaddingBottom } = getComputedStyle(this.scroller);
    const box = this.isPage ? { top: 0, bottom: innerHeight } : this.scroller.getBoundingClientRect();
    return {
      top: box.top + (parseFloat(scrollPaddingTop) || 0),
      bottom: box.bottom - (parseFloat(scrollPaddingBottom) || 0),
    };
  }

  scrollToLine() {
    if (!this.line || this.isLineSeen()) return;
    this.scroller.scrollTop += this.line.getBoundingClientRect().top - this.window().top;
    this.top = this.scroller.scrollTop;
  }

  showButton() {
    this.button.hidden = this.line === null || this.isLineSeen() || !(this.isAway || this.isTyping());
  }

  /**
   * Mark a row and its word, and unmark those before.
   * @param {HTMLElement | undefined} line
   * @param {any} turn
   * @param {number} seconds
   */
  mark(line, turn, seconds) {
    const spoken = turn?.words.findLastIndex((/** @type {any} */ word) => word.start_seconds <= seconds);
    const word = line?.querySelectorAll(".word")[spoken];
    if (this.said.line !== line) this.said.line?.removeAttribute("aria-current");
    if (this.said.word !== word) this.said.word?.classList.remove("now");
    line?.setAttribute("aria-current", "true");
    word?.classList.add("now");
    this.said = { line, word };
  }
}
