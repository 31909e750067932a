// @ts-check
// The outline of a recording's sound: how loud each part of it is, as bars in the speakers' colours.
import { shareOf } from "./zoom.js";

const BAR = 2; // pixels, of one bar
const STEP = 3; // from one bar to the next
const QUIETEST_PEAK = 0.05; // a recording whose loudest sample is below it is not drawn at full height
const FLAT = 0.4; // height of the bars where the outline is not known
const BAND_ALPHA = 0.16;
const BAND_GAP = 2; // pixels between regions that touch, so that their edges can be seen
const ALMOST_NOTHING = 1e-9; // so much of a bar is no bar: times are no exact numbers

/**
 * @typedef {import("./timeline.js").Region} Region
 * @typedef {import("./timeline.js").Drawing} Drawing
 * @typedef {import("./zoom.js").Part} Part
 * @typedef {{ levels: string, each: number }} Peaks as Python sends them (kikitori/page/view.py)
 * @typedef {{ first: number, count: number, each: number }} Bars the number of the first bar in sight, how many there
 *   are, and how many seconds each stands for. A bar keeps its sound when the timeline is scrolled.
 */

/**
 * The levels of base64.
 * @param {string} base64
 */
export function decodeLevels(base64) {
  const text = atob(base64);
  const levels = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place++) levels[place] = text.charCodeAt(place);
  return levels;
}

/**
 * The outline with what has been added to it.
 * @param {Peaks | undefined} before
 * @param {Peaks} added
 * @param {number} kept how many of the first levels stay, a multiple of 3
 * @returns {Peaks}
 */
export function joinPeaks(before, added, kept) {
  return { ...added, levels: (before?.levels ?? "").slice(0, (kept / 3) * 4) + added.levels };
}

/**
 * The bars that are in sight.
 * @param {Part} part
 * @param {number} width of the timeline, in pixels
 * @returns {Bars}
 */
export function barsOf({ from, span }, width) {
  const each = (STEP * span) / width || 1;
  const first = Math.floor(from / each + ALMOST_NOTHING);
  return { first, count: Math.ceil((from + span) / each - ALMOST_NOTHING) - first, each };
}

/**
 * The heights of the bars, from 0 to 1: the highest level in each, 0 where it has not been read. The loudest of the
 * recording is 1.
 * @param {Uint8Array} levels
 * @param {number} each seconds of one level
 * @param {Bars} bars
 */
export function barHeights(levels, each, bars) {
  const highest = Math.max(loudest(levels, 0, levels.length), 255 * QUIETEST_PEAK);
  return Array.from({ length: bars.count }, (_, number) => {
    const from = ((bars.first + number) * bars.each) / each;
    const first = Math.floor(from + ALMOST_NOTHING);
    return loudest(levels, first, Math.max(first + 1, Math.ceil(from + bars.each / each - ALMOST_NOTHING))) / highest;
  });
}

/**
 * The highest of some levels. There may be 360,000.
 * @param {Uint8Array} levels
 * @param {number} first
 * @param {number} end
 */
function loudest(levels, first, end) {
  let highest = 0;
  for (let place = first; place < end && place < levels.length; place++) {
    if (levels[place] > highest) highest = levels[place];
  }
  return highest;
}

/**
 * The colours of the bars: that of the last turn that began before; null where nobody speaks.
 * @param {Region[]} regions
 * @param {Bars} bars
 * @returns {(number | null)[]}
 */
export function barColours(regions, { first, count, each }) {
  const colours = new Array(count).fill(null);
  for (const [start, end, colour] of regions) {
    const begin = Math.floor(start / each + ALMOST_NOTHING);
    const after = Math.max(begin + 1, Math.round(end / each));
    colours.fill(colour, Math.max(0, begin - first), Math.max(0, after - first));
  }
  return colours;
}

/**
 * The regions that are in sight.
 * @param {Region[]} regions
 * @param {Part} part
 */
export const inSight = (regions, { from, span }) =>
  regions.filter(([start, end]) => start <= from + span && end >= from);

export class Outline {
  /**
   * @param {CanvasRenderingContext2D} context
   * @param {{ width: number, height: number }} size in pixels
   * @param {Drawing} drawing
   * @param {Part} part
   * @param {{ speakers: string[], noSpeaker: string, silence: string, unheard: string, heardEnd: string }} colours
   *   silence: of sound that nobody speaks in. unheard: of sound that is not transcribed yet.
   */
  constructor(context, { width, height }, drawing, part, colours) {
    this.context = context;
    this.width = width;
    this.height = height;
    this.drawing = { ...drawing, regions: inSight(drawing.regions, part) };
    this.part = part;
    this.colours = colours;
  }

  draw() {
    this.drawBands();
    this.drawBars();
    this.drawHeard();
  }

  /** @param {number} seconds */
  placeOf(seconds) {
    return shareOf(seconds, this.part) * this.width;
  }

  /** @param {number} number of a speaker's colour */
  colourOf(number) {
    return this.colours.speakers[number] ?? this.colours.noSpeaker;
  }

  /** Who speaks when. */
  drawBands() {
    const { context } = this;
    context.globalAlpha = BAND_ALPHA;
    for (const [start, end, colour] of this.drawing.regions) {
      const left = Math.max(0, this.placeOf(start));
      context.fillStyle = this.colourOf(colour);
      const width = Math.min(this.width, this.placeOf(end)) - left - BAND_GAP;
      context.fillRect(left, 0, Math.max(1, width), this.height);
    }
    context.globalAlpha = 1;
  }

  /** How loud it is. */
  drawBars() {
    const { heard, levels, each, regions } = this.drawing;
    const bars = barsOf(this.part, this.width);
    const colours = barColours(regions, bars);
    const heights = levels.length
      ? barHeights(levels, each, bars)
      : colours.map((colour) => (colour === null ? 0 : FLAT));
    heights.forEach((share, number) => {
      const start = (bars.first + number) * bars.each;
      const colour = colours[number];
      const quiet = start < heard ? this.colours.silence : this.colours.unheard;
      this.context.fillStyle = colour === null ? quiet : this.colourOf(colour);
      const tall = Math.max(1, share * (this.height - 6));
      this.context.fillRect(this.placeOf(start), (this.height - tall) / 2, BAR, tall);
    });
  }

  /** Up to where it is transcribed, unless that is the end. */
  drawHeard() {
    const { heard, total } = this.drawing;
    if (heard >= total) return;
    this.context.fillStyle = this.colours.heardEnd;
    for (let top = 0; top < this.height; top += 6) this.context.fillRect(this.placeOf(heard), top, 2, 4);
  }
}
