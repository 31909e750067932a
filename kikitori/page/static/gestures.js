// @ts-check
// What pointers and wheels do on the timeline: move through the sound, drag an edge, zoom and scroll.
import { preciseClock } from "./dom.js";
import { edgeAt, HeldEdge } from "./edges.js";
import { pinched, scrolled, shareOf, timeAt, zoomed } from "./zoom.js";

const REACH = 6; // pixels from an edge of a region at which a mouse takes it
const FINGER_REACH = 12;
const SLACK = 3; // pixels that a pointer may move in a click
const DOUBLING = 50; // of a wheel's units: a touchpad sends a few of them at a time, a wheel about 100
const LINE = 16; // units, in browsers that count lines

export class Gestures {
  /** @param {import("./timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    /** @type {HeldEdge | null} */
    this.held = null;
    /** @type {Map<number, number>} What presses the timeline -> where, as a share of its width. */
    this.pointers = new Map();
    this.isPinching = false;
    /** Where the playhead was before the first pointer came. */
    this.before = 0;
    const { element } = timeline;
    element.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
      if (!event.button) this.take(event);
    });
    element.addEventListener("pointermove", (/** @type {PointerEvent} */ event) =>
      this.pointers.has(event.pointerId)
        ? this.drag(event)
        : element.classList.toggle("at-edge", this.edgeAt(event) !== null),
    );
    element.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.release(event));
    element.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => this.forget(event));
    element.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.turn(event));
  }

  /** Whether something presses the timeline: then it does not follow the playhead. */
  get isHeld() {
    return this.pointers.size > 0;
  }

  /**
   * Where a pointer is, in pixels from the left edge.
   * @param {MouseEvent} event
   */
  placeOf(event) {
    return event.clientX - this.timeline.element.getBoundingClientRect().left;
  }

  /**
   * The time under a pointer.
   * @param {MouseEvent} event
   */
  at(event) {
    return timeAt(this.placeOf(event), this.timeline.width, this.timeline.part);
  }

  /** @param {number} pixels */
  secondsOf(pixels) {
    return (pixels * this.timeline.part.span) / this.timeline.width;
  }

  /**
   * The edge under a pointer; null if there is none.
   * @param {PointerEvent} event
   */
  edgeAt(event) {
    const { isFixed, regions } = this.timeline.drawing;
    const reach = event.pointerType === "touch" ? FINGER_REACH : REACH;
    return isFixed ? null : edgeAt(regions, this.at(event), this.secondsOf(reach));
  }

  /** @param {PointerEvent} event that presses a pointer */
  take(event) {
    const { timeline } = this;
    timeline.element.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.placeOf(event) / timeline.width);
    if (this.pointers.size > 1) return this.beginPinch();
    this.before = timeline.now;
    const edge = this.edgeAt(event);
    this.held = edge && new HeldEdge(edge, timeline.drawing.regions, this.at(event), this.secondsOf(SLACK));
    if (!edge) timeline.onseek(this.at(event));
  }

  /** A second finger has come. What the first one did alone is taken back. */
  beginPinch() {
    const hasSought = !this.isPinching && !this.held;
    this.isPinching = true;
    this.letGo();
    if (hasSought) this.timeline.onseek(this.before);
  }

  /** @param {PointerEvent} event */
  drag(event) {
    const { timeline } = this;
    const before = [...this.pointers.values()];
    this.pointers.set(event.pointerId, this.placeOf(event) / timeline.width);
    const after = [...this.pointers.values()];
    if (after.length > 1) return timeline.showPart(pinched(timeline.part, before, after, timeline.drawing.total));
    if (this.isPinching) return;
    if (!this.held) return timeline.onseek(this.at(event));
    this.held.move(this.at(event));
    if (this.held.isMoved) this.showEdge(this.held);
  }

  /** @param {PointerEvent} event */
  release(event) {
    const isAlone = this.pointers.has(event.pointerId) && !this.isPinching;
    this.held?.move(this.at(event));
    const held = this.forget(event);
    if (!isAlone) return;
    if (held?.isMoved) this.timeline.onedge(held.turn, held.isEnd, held.seconds);
    else this.timeline.onchoose(this.at(event));
  }

  /** @param {PointerEvent} event of a pointer that no longer presses the timeline */
  forget(event) {
    this.pointers.delete(event.pointerId);
    this.isPinching &&= this.isHeld;
    return this.letGo();
  }

  /** Let go of an edge; it goes back until somebody moves it. */
  letGo() {
    const { held, timeline } = this;
    this.held = null;
    timeline.edge.hidden = true;
    if (held?.isMoved) timeline.show({ ...timeline.drawing, regions: held.before });
    return held;
  }

  /** @param {HeldEdge} held */
  showEdge({ seconds, regions }) {
    const { timeline } = this;
    const x = shareOf(seconds, timeline.part) * timeline.width;
    timeline.edge.hidden = false;
    timeline.edge.style.transform = `translateX(${x}px)`;
    timeline.edge.classList.toggle("on-the-right", x > timeline.width / 2);
    timeline.edge.dataset.time = preciseClock(seconds);
    timeline.show({ ...timeline.drawing, regions });
  }

  /** @param {WheelEvent} event With Ctrl, as which a touchpad's pinch comes, it zooms; sideways it scrolls. */
  turn(event) {
    const { timeline } = this;
    const { part, width } = timeline;
    const { total } = timeline.drawing;
    const unit = event.deltaMode ? LINE : 1;
    if (event.ctrlKey) {
      const factor = 2 ** Math.min(Math.max((-event.deltaY * unit) / DOUBLING, -1), 1);
      timeline.showPart(zoomed(part, factor, this.placeOf(event) / width, total));
    } else {
      const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
      if (!sideways || part.span >= total) return; // the page scrolls
      timeline.showPart(scrolled(part, this.secondsOf(sideways * unit), total));
    }
    event.preventDefault();
  }
}
