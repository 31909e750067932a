// @ts-check
// Buttons that zoom the timeline, and a bar that scrolls it.
import { clock, make } from "./dom.js";
import { say } from "./i18n.js";
import { makeIcon } from "./icons.js";
import { isClosest, scrolled } from "./zoom.js";

const SMALLEST_THUMB = 24; // pixels

export class ZoomControls {
  /** @param {import("./timeline.js").Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    const button = (/** @type {"zoom_out" | "zoom_in" | "zoom_whole"} */ key, /** @type {number} */ factor) =>
      make("button", { "aria-label": say(key), title: say(key), onclick: () => timeline.zoom(factor) }, makeIcon(key));
    this.out = button("zoom_out", 0.5);
    this.in = button("zoom_in", 2);
    this.all = button("zoom_whole", 0);
    this.buttons = [this.out, this.in, this.all];
    const oninput = () => this.scroll(Number(this.scroller.value));
    this.scroller = make("input", {
      type: "range",
      class: "scroller",
      min: 0,
      step: "any",
      "aria-label": say("part_shown"),
      oninput,
    });
    timeline.onpart = () => this.show();
  }

  /** @param {number} from seconds */
  scroll(from) {
    const { part, drawing } = this.timeline;
    this.timeline.showPart(scrolled(part, from - part.from, drawing.total));
  }

  /** Show what can be done with the part that is shown. Its bar is as long as its share of the recording. */
  show() {
    const { part, drawing, isWhole, width } = this.timeline;
    this.out.disabled = this.all.disabled = isWhole;
    this.in.disabled = isClosest(part, drawing.total);
    this.scroller.classList.toggle("of-whole", isWhole);
    this.scroller.max = String(drawing.total - part.span);
    this.scroller.value = String(part.from);
    this.scroller.style.setProperty("--thumb", `${Math.max(SMALLEST_THUMB, (width * part.span) / drawing.total)}px`);
    this.scroller.setAttribute("aria-valuetext", `${clock(part.from)}–${clock(part.from + part.span)}`);
  }
}
