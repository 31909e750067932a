// @ts-check
// The timeline: the sound's outline in the speakers' colours, as a slider that moves through the recording.
import { make, preciseClock } from "./dom.js";
import { edgeAt, HeldEdge } from "./edges.js";

const BAR = 2; // pixels, of one bar of the outline
const STEP = 3; // from one bar to the next
const QUIETEST_PEAK = 0.05; // a recording whose loudest sample is below it is not drawn at full height
const FLAT = 0.4; // height of the bars where the outline is not known
const REACH = 6; // pixels from an edge of a region at which a mouse takes it
const FINGER_REACH = 12;
const SLACK = 3; // pixels that a pointer may move in a click
const BAND_ALPHA = 0.16;
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

/** How many speakers have a colour of their own (`.speaker-0` and so on in colours.css). */
export const COLOURS = 8;

/**
 * @typedef {[start: number, end: number, colour: number, turn: number]} Region One turn: seconds, its colour, -1 for
 * none, and its number.
 * @typedef {object} Drawing
 * @property {number} total seconds that the timeline is long
 * @property {number} heard seconds that are transcribed so far
 * @property {Uint8Array} levels the outline: one byte for each `each` seconds; empty if it is not known
 * @property {number} each
 * @property {Region[]} regions in the order of their starts
 * @property {boolean} isFixed whether their edges can't be dragged
 */

/**
 * Limit a number to a range.
 * @param {number} value
 * @param {number} highest
 */
const limit = (value, highest) => Math.min(Math.max(value, 0), highest);

/**
 * The levels that Python sent (kikitori/page/view.py).
 * @param {string} base64
 */
export const decodeLevels = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/**
 * Where a time lies on the timeline, from 0 to 1.
 * @param {number} seconds
 * @param {number} total
 */
export const shareOf = (seconds, total) => (total > 0 ? limit(seconds / total, 1) : 0);

/**
 * The time at a place of the timeline.
 * @param {number} x pixels from its left edge
 * @param {number} width of it, in pixels
 * @param {number} total
 */
export const timeAt = (x, width, total) => (width > 0 ? limit(x / width, 1) * total : 0);

/**
 * Where a key leads on the slider, in seconds; null for a key that does not move it.
 * @param {string} key
 * @param {number} now
 * @param {number} total
 */
export const timeOfKey = (key, now, total) => (key in KEY_SECONDS ? limit(now + KEY_SECONDS[key], total) : null);

/**
 * The heights of the bars, from 0 to 1: the highest level in each of `count` equal parts of the recording, 0 where it
 * has not been read. The loudest of all is 1.
 * @param {Uint8Array} levels
 * @param {number} each
 * @param {number} total
 * @param {number} count
 */
export function barHeights(levels, each, total, count) {
  const highest = levels.reduce((one, other) => Math.max(one, other), 255 * QUIETEST_PEAK);
  return Array.from({ length: count }, (_, number) => {
    const first = Math.floor((number * total) / count / each);
    const end = Math.max(first + 1, Math.ceil(((number + 1) * total) / count / each));
    return levels.subarray(first, end).reduce((one, other) => Math.max(one, other), 0) / highest;
  });
}

/**
 * The colours of the bars: that of the last turn that began before; null where nobody speaks.
 * @param {Region[]} regions
 * @param {number} total
 * @param {number} count
 * @returns {(number | null)[]}
 */
export function barColours(regions, total, count) {
  const colours = new Array(count).fill(null);
  for (const [start, end, colour] of regions) {
    const first = Math.floor(shareOf(start, total) * count);
    colours.fill(colour, first, Math.max(first + 1, Math.round(shareOf(end, total) * count)));
  }
  return colours;
}

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
    this.now = 0;
    this.width = 0;
    this.isDue = false;
    /** @type {Drawing} */
    this.drawing = { total: 0, heard: 0, levels: new Uint8Array(), each: 1, regions: [], isFixed: true };
    /** @type {HeldEdge | null} */
    this.held = null;
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
    this.listen();
  }

  listen() {
    const { element } = this;
    const isHeld = (/** @type {PointerEvent} */ event) => element.hasPointerCapture(event.pointerId);
    element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (!event.button) this.take(event);
    });
    element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) =>
      isHeld(event) ? this.drag(this.at(event)) : element.classList.toggle("at-edge", this.edgeAt(event) !== null),
    );
    element.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
      if (isHeld(event)) this.release(this.at(event));
    });
    element.addEventListener("pointercancel", () => this.letGo());
    element.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.press(event));
    new ResizeObserver(([{ contentRect }]) => this.resize(contentRect.width)).observe(element);
    // Gradio changes this class when the theme changes.
    new MutationObserver(() => this.redraw()).observe(document.body, { attributeFilter: ["class"] });
  }

  /**
   * The time under a pointer.
   * @param {PointerEvent} event
   */
  at(event) {
    return timeAt(event.clientX - this.element.getBoundingClientRect().left, this.width, this.drawing.total);
  }

  /**
   * The edge under a pointer; null if there is none.
   * @param {PointerEvent} event
   */
  edgeAt(event) {
    const { isFixed, regions, total } = this.drawing;
    const reach = event.pointerType === "touch" ? FINGER_REACH : REACH;
    return isFixed ? null : edgeAt(regions, this.at(event), (reach * total) / this.width);
  }

  /** @param {PointerEvent} event that presses the pointer */
  take(event) {
    this.element.setPointerCapture(event.pointerId);
    const { regions, total } = this.drawing;
    const edge = this.edgeAt(event);
    this.held = edge && new HeldEdge(edge, regions, this.at(event), (SLACK * total) / this.width);
    if (!edge) this.onseek(this.at(event));
  }

  /** @param {number} seconds */
  drag(seconds) {
    if (!this.held) return this.onseek(seconds);
    this.held.move(seconds);
    if (this.held.isMoved) this.showEdge(this.held);
  }

  /** @param {number} seconds */
  release(seconds) {
    this.held?.move(seconds);
    const held = this.letGo();
    if (held?.isMoved) this.onedge(held.turn, held.isEnd, held.seconds);
    else this.onchoose(seconds);
  }

  /** Let go of an edge; it goes back until somebody moves it. */
  letGo() {
    const { held } = this;
    this.held = null;
    this.edge.hidden = true;
    if (held?.isMoved) this.show({ ...this.drawing, regions: held.before });
    return held;
  }

  /** @param {HeldEdge} held */
  showEdge({ seconds, regions }) {
    const x = shareOf(seconds, this.drawing.total) * this.width;
    this.edge.hidden = false;
    this.edge.style.transform = `translateX(${x}px)`;
    this.edge.classList.toggle("on-the-right", x > this.width / 2);
    this.edge.dataset.time = preciseClock(seconds);
    this.show({ ...this.drawing, regions });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const seconds = timeOfKey(event.key, this.now, this.drawing.total);
    if (seconds === null) return;
    event.preventDefault();
    this.onseek(seconds);
  }

  /** @param {number} width */
  resize(width) {
    if (this.width && !width) this.onhide();
    this.width = width;
    this.redraw();
    this.place(this.now);
  }

  /** @param {Drawing} drawing */
  show(drawing) {
    this.drawing = drawing;
    this.element.setAttribute("aria-valuemax", Math.floor(drawing.total));
    this.redraw();
    this.place(this.now);
  }

  /**
   * Move the playhead; this draws nothing.
   * @param {number} seconds
   */
  place(seconds) {
    const { total } = this.drawing;
    this.now = seconds;
    this.playhead.style.transform = `translateX(${shareOf(seconds, total) * this.width}px)`;
    const text = this.describe(seconds, total);
    if (this.element.getAttribute("aria-valuetext") === text) return;
    this.element.setAttribute("aria-valuenow", Math.floor(seconds));
    this.element.setAttribute("aria-valuetext", text);
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
    const { width } = this;
    const height = this.element.clientHeight;
    const scale = devicePixelRatio;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const context = this.canvas.getContext("2d");
    context.scale(scale, scale);
    const style = getComputedStyle(this.element);
    const own = (/** @type {string} */ name) => style.getPropertyValue(name);
    const speakers = this.samples.map((sample) => getComputedStyle(sample).getPropertyValue("--speaker"));
    const colourOf = (/** @type {number} */ number) => speakers[number] ?? own("--no-speaker");
    this.drawBands(context, height, colourOf);
    this.drawBars(context, height, colourOf, own("--silence"), own("--unheard"));
    this.drawHeard(context, height, own("--heard-end"));
  }

  /**
   * Who speaks when.
   * @param {CanvasRenderingContext2D} context
   * @param {number} height
   * @param {(number: number) => string} colourOf
   */
  drawBands(context, height, colourOf) {
    const { total, regions } = this.drawing;
    context.globalAlpha = BAND_ALPHA;
    for (const [start, end, colour] of regions) {
      const left = shareOf(start, total) * this.width;
      context.fillStyle = colourOf(colour);
      context.fillRect(left, 0, Math.max(1, shareOf(end, total) * this.width - left), height);
    }
    context.globalAlpha = 1;
  }

  /**
   * How loud it is.
   * @param {CanvasRenderingContext2D} context
   * @param {number} height
   * @param {(number: number) => string} colourOf
   * @param {string} silence the colour of sound that nobody speaks in
   * @param {string} unheard the colour of sound that is not transcribed yet
   */
  drawBars(context, height, colourOf, silence, unheard) {
    const { total, heard, levels, each, regions } = this.drawing;
    const count = Math.floor(this.width / STEP);
    const colours = barColours(regions, total, count);
    const heights = levels.length
      ? barHeights(levels, each, total, count)
      : colours.map((colour) => (colour === null ? 0 : FLAT));
    const end = shareOf(heard, total) * count;
    heights.forEach((share, number) => {
      const colour = colours[number];
      const tall = Math.max(1, share * (height - 6));
      context.fillStyle = colour !== null ? colourOf(colour) : number < end ? silence : unheard;
      context.fillRect((number * this.width) / count, (height - tall) / 2, BAR, tall);
    });
  }

  /**
   * Up to where it is transcribed, unless that is the end.
   * @param {CanvasRenderingContext2D} context
   * @param {number} height
   * @param {string} colour
   */
  drawHeard(context, height, colour) {
    const share = shareOf(this.drawing.heard, this.drawing.total);
    if (share >= 1) return;
    context.fillStyle = colour;
    for (let top = 0; top < height; top += 6) context.fillRect(share * this.width, top, 2, 4);
  }
}
