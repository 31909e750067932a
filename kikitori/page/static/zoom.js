// @ts-check
// The part of a recording that the timeline shows: what zooming, scrolling and playing make of it.

/** @typedef {{ from: number, span: number }} Part where it begins and how long it is, in seconds */

/** The closest view. FIRST_LEVELS and LAST_SAMPLES in kikitori/peaks.py suit it. */
const CLOSEST_SECONDS = 5;
const LEAD = 0.1; // where the playhead lies after the part has followed it, as a share of the part
const NEAREST_FINGERS = 0.02; // so far apart they are at least, as a share of the width

/**
 * Limit a number to a range.
 * @param {number} value
 * @param {number} highest
 * @param {number} lowest
 */
export const limit = (value, highest, lowest = 0) => Math.min(Math.max(value, lowest), highest);

/**
 * All of a recording.
 * @param {number} total seconds
 * @returns {Part}
 */
export const whole = (total) => ({ from: 0, span: total });

/**
 * The part of a recording that is nearest to one that it does not have.
 * @param {Part} part
 * @param {number} total
 * @returns {Part}
 */
export function limitPart({ from, span }, total) {
  const shown = limit(span, total, Math.min(CLOSEST_SECONDS, total));
  return { from: limit(from, total - shown), span: shown };
}

/**
 * The part after a change of its length. The sound at one place of the timeline then lies at another, or stays.
 * @param {Part} part
 * @param {number} factor 2 to show half as much
 * @param {number} share the place, from 0 to 1
 * @param {number} total
 * @param {number} to the place after the change
 * @returns {Part}
 */
export function zoomed(part, factor, share, total, to = share) {
  const { span } = limitPart({ from: 0, span: part.span / factor }, total);
  return limitPart({ from: part.from + share * part.span - to * span, span }, total);
}

/**
 * The part that lies so many seconds later, or earlier if negative.
 * @param {Part} part
 * @param {number} seconds
 * @param {number} total
 * @returns {Part}
 */
export const scrolled = (part, seconds, total) => limitPart({ ...part, from: part.from + seconds }, total);

/**
 * The part after two fingers have moved: the sound between them stays between them.
 * @param {Part} part
 * @param {number[]} before their places, from 0 to 1
 * @param {number[]} after
 * @param {number} total
 * @returns {Part}
 */
export function pinched(part, before, after, total) {
  const [apart, to] = [before, after].map(([one, other]) => Math.max(Math.abs(one - other), NEAREST_FINGERS));
  const [middle, moved] = [before, after].map(([one, other]) => (one + other) / 2);
  return zoomed(part, to / apart, middle, total, moved);
}

/**
 * The part after the playhead has moved. A playhead that leaves it takes it along, unless the visitor had scrolled away
 * from it. One that the visitor moves is always shown.
 * @param {Part} part
 * @param {number} before seconds
 * @param {number} now seconds
 * @param {number} total
 * @param {boolean} jumped whether the visitor has moved it
 * @returns {Part} the same if nothing changes
 */
export function followed(part, before, now, total, jumped) {
  if (isShown(part, now) || !(jumped || isShown(part, before))) return part;
  return limitPart({ ...part, from: now - part.span * (jumped ? 0.5 : LEAD) }, total);
}

/**
 * Whether no closer view of a recording exists.
 * @param {Part} part
 * @param {number} total
 */
export const isClosest = ({ span }, total) => span <= Math.min(CLOSEST_SECONDS, total);

/**
 * Whether a time lies in a part.
 * @param {Part} part
 * @param {number} seconds
 */
const isShown = ({ from, span }, seconds) => from <= seconds && seconds <= from + span;

/**
 * Where a time lies on the timeline, from 0 to 1 if it is shown.
 * @param {number} seconds
 * @param {Part} part
 */
export const shareOf = (seconds, { from, span }) => (span > 0 ? (seconds - from) / span : 0);

/**
 * The time at a place of the timeline.
 * @param {number} x pixels from its left edge
 * @param {number} width of it, in pixels
 * @param {Part} part
 */
export const timeAt = (x, width, { from, span }) => (width > 0 ? from + limit(x / width, 1) * span : from);

/**
 * The place around which buttons and keys zoom: the playhead, or the middle if it is out of sight.
 * @param {Part} part
 * @param {number} now seconds
 */
export const anchor = (part, now) => (isShown(part, now) ? shareOf(now, part) : 0.5);
