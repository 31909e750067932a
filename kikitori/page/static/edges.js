// @ts-check
// Edges of the timeline's regions: the start and the end of a turn, which can be dragged.
import { withEdge } from "./sheet.js";

/** @typedef {import("./timeline.js").Region} Region */
/** @typedef {{ turn: number, isEnd: boolean, seconds: number }} Edge */

/** A region that is shorter than this many times the reach has no edges: there would be no place left to seek to. */
const FREE_REACHES = 4;

/**
 * The edge near a time; null if there is none. Where two regions touch, it is that of the region which holds the time.
 * @param {Region[]} regions
 * @param {number} seconds
 * @param {number} reach how far it may be, in seconds
 * @returns {Edge | null}
 */
export function edgeAt(regions, seconds, reach) {
  /** @type {Edge | null} */
  let nearest = null;
  const distance = (/** @type {Edge} */ edge) => Math.abs(edge.seconds - seconds);
  for (const [start, end, , turn] of regions) {
    if (end - start < FREE_REACHES * reach) continue;
    const edge = {
      turn,
      isEnd: seconds - start > end - seconds,
      seconds: seconds - start > end - seconds ? end : start,
    };
    const isInside = start <= seconds && seconds <= end;
    const isNearer =
      !nearest || distance(edge) < distance(nearest) || (distance(edge) === distance(nearest) && isInside);
    if (distance(edge) <= reach && isNearer) nearest = edge;
  }
  return nearest;
}

/** An edge that a pointer holds. */
export class HeldEdge {
  /**
   * @param {Edge} edge
   * @param {Region[]} regions
   * @param {number} from where the pointer has taken it, in seconds
   * @param {number} slack a movement up to this many seconds is a click
   */
  constructor({ turn, isEnd, seconds }, regions, from, slack) {
    this.turn = turn;
    this.isEnd = isEnd;
    this.first = seconds;
    /** Where the edge is now. */
    this.seconds = seconds;
    this.before = regions;
    this.from = from;
    this.slack = slack;
    this.isMoved = false;
  }

  /** @param {number} to where the pointer is, in seconds */
  move(to) {
    this.isMoved ||= Math.abs(to - this.from) > this.slack;
    if (!this.isMoved) return;
    const [start, end] = /** @type {Region} */ (this.before.find(([, , , turn]) => turn === this.turn));
    this.seconds = withEdge([start, end], this.isEnd, Math.max(0, this.first + to - this.from))[this.isEnd ? 1 : 0];
  }

  /** @returns {Region[]} as they are while the edge is where it is now */
  get regions() {
    return this.before.map(([start, end, colour, turn]) => {
      const [from, to] = turn === this.turn ? withEdge([start, end], this.isEnd, this.seconds) : [start, end];
      return [from, to, colour, turn];
    });
  }
}
