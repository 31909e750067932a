// @ts-check
// The timeline: the sound's outline in the speakers' colours, as a slider that moves through the recording. It shows a
// part of the recording, or all of it.
import { make } from "./dom.js";
import { Gestures } from "./gestures.js";
import { Outline } from "./outline.js";
import { anchor, followed, limit, limitPart, shareOf, whole, zoomed } from "./zoom.js";

const KEY_SECONDS = /** @type {Record<string, number>} */ ({
  ArrowLeft: -5,
  ArrowDown: -5,
  ArrowRight: 5,
  ArrowUp: 5,
  PageDown: -30,
  PageUp: 30,
  Home: -Infinity,
  End: Infinity,
});
const KEY_FACTORS = /** @type {Record<string, number>} */ ({ "+": 2, "=": 2, "-": 0.5, 0: 0 });

/** How many speakers have a colour of their own (`.speaker-0` and so on in colours.css). */
export const COLOURS = 8;

/**
 * @typedef {[start: number, end: number, colour: number, turn: number]} Region One turn: seconds, its colour, -1 for
 * none, and its number.
 * @typedef {object} Drawing
 * @property {number} total seconds that the recording is long
 * @property {number} heard seconds that are transcribed so far
 * @property {Uint8Array} levels the outline: one byte for each `each` seconds; empty if it is not known
 * @property {number} each
 * @property {Region[]} regions in the order of their starts
 * @property {boolean} isFixed whether their edges can't be dragged
 */

/**
 * Where a key leads on the slider, in seconds; null for a key that does not move it.
 * @param {string} key
 * @param {number} now
 * @param {number} total
 */
export const timeOfKey = (key, now, total) => (key in KEY_SECONDS ? limit(now + KEY_SECONDS[key], total) : null);

export class Timeline {
  /**
   * @param {object} options
   * @param {string} options.label its name for screen readers
   * @param {(seconds: number, total: number) => string} options.describe a place, for screen readers
   * @param {(seconds: number) => void} options.onseek the visitor moves through it
   * @param {(seconds: number) => void} options.onchoose the visitor has clicked on it, or ended a drag there
   * @param {(turn: number, isEnd: boolean, seconds: number) => void} options.onedge the visitor has dragged the start
   *   or the end of a turn there
   * @param {() => void} options.onhide it is no longer shown
   */
  constructor({ label, describe, onseek, onchoose, onedge, onhide }) {
    this.describe = describe;
    this.onseek = onseek;
    this.onchoose = onchoose;
    this.onedge = onedge;
    this.onhide = onhide;
    /** Called when another part of the recording is shown. */
    this.onpart = () => {};
    this.now = 0;
    this.width = 0;
    this.isDue = false;
    /** @type {Drawing} */
    this.drawing = { total: 0, heard: 0, levels: new Uint8Array(), each: 1, regions: [], isFixed: true };
    this.part = whole(0);
    this.edge = make("div", { class: "edge", hidden: true });
    this.canvas = make("canvas");
    this.playhead = make("div", { class: "playhead" });
    this.samples = Array.from({ length: COLOURS }, (_, number) =>
      make("i", { class: `speaker-${number}`, hidden: true }),
    );
    this.element = make(
      "div",
      { class: "timeline", role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0 },
      this.canvas,
      this.playhead,
      this.edge,
      ...this.samples,
    );
    this.gestures = new Gestures(this);
    this.element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.press(event));
    new ResizeObserver(([{ contentRect }]) => this.resize(contentRect.width)).observe(this.element);
    // Gradio changes this class when the theme changes.
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const seconds = timeOfKey(event.key, this.now, this.drawing.total);
    if (seconds !== null) this.onseek(seconds);
    else if (event.key in KEY_FACTORS) this.zoom(KEY_FACTORS[event.key]);
    else return;
    event.preventDefault();
  }

  /** @param {number} width */
  resize(width) {
    if (this.width && !width) this.onhide();
    this.width = width;
    this.showPart(this.part);
  }

  /** @param {Drawing} drawing */
  show(drawing) {
    const wasWhole = this.isWhole;
    this.drawing = drawing;
    this.element.setAttribute("aria-valuemax", Math.floor(drawing.total));
    this.showPart(wasWhole ? whole(drawing.total) : limitPart(this.part, drawing.total));
  }

  /** Whether all of the recording is shown. */
  get isWhole() {
    return this.part.span >= this.drawing.total;
  }

  /** @param {import("./zoom.js").Part} part */
  showPart(part) {
    this.part = part;
    this.redraw();
    this.showPlayhead();
    this.onpart();
  }

  /**
   * Zoom around the playhead, or the middle if it is out of sight.
   * @param {number} factor 2 to show half as much; 0 to show all
   */
  zoom(factor) {
    const { total } = this.drawing;
    this.showPart(factor ? zoomed(this.part, factor, anchor(this.part, this.now), total) : whole(total));
  }

  /**
   * Move the playhead. This draws nothing, unless the timeline has to follow it.
   * @param {number} seconds
   * @param {boolean} jumped whether the visitor has moved it
   */
  place(seconds, jumped = false) {
    const { total } = this.drawing;
    const part = this.gestures.isHeld ? this.part : followed(this.part, this.now, seconds, total, jumped);
    this.now = seconds;
    if (part === this.part) this.showPlayhead();
    else this.showPart(part);
    const text = this.describe(seconds, total);
    if (this.element.getAttribute("aria-valuetext") === text) return;
    this.element.setAttribute("aria-valuenow", Math.floor(seconds));
    this.element.setAttribute("aria-valuetext", text);
  }

  showPlayhead() {
    this.playhead.style.transform = `translateX(${shareOf(this.now, this.part) * this.width}px)`;
  }

  /** Draw with the next frame, once, however much has changed until then. */
  redraw() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => {
      this.isDue = false;
      if (this.width) this.draw();
    });
  }

  draw() {
    const size = { width: this.width, height: this.element.clientHeight };
    const scale = devicePixelRatio;
    this.canvas.width = Math.round(size.width * scale);
    this.canvas.height = Math.round(size.height * scale);
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const style = getComputedStyle(this.element);
    const own = (/** @type {string} */ name) => style.getPropertyValue(name);
    const colours = {
      speakers: this.samples.map((sample) => getComputedStyle(sample).getPropertyValue("--speaker")),
      noSpeaker: own("--no-speaker"),
      silence: own("--silence"),
      unheard: own("--unheard"),
      heardEnd: own("--heard-end"),
    };
    new Outline(context, size, this.drawing, this.part, colours).draw();
  }
}
