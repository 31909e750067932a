// @ts-check
// The player of a transcript's sound, and the timeline of its turns.
import { fileAddress, make } from "./dom.js";
import { say } from "./i18n.js";

const LANE = 14; // height in pixels
const SHORTEST_SECONDS = 0.001;
const COLOURS = 8;

/**
 * The class that gives a speaker their colour.
 * @param {string[]} speakers
 * @param {string | null} speaker
 */
export function colourOf(speakers, speaker) {
  const number = speaker === null ? -1 : speakers.indexOf(speaker);
  return number < 0 ? "" : `speaker-${number % COLOURS}`;
}

export class Player {
  /** @param {() => void} onmove called when the place moves */
  constructor(onmove) {
    this.onmove = onmove;
    /** @type {any} */
    this.sheet = null;
    /** @type {string | null} */
    this.sound = null;
    this.audio = make("audio", {
      controls: true,
      preload: "metadata",
      "aria-label": say("player"),
      ontimeupdate: () => this.move(),
      onloadedmetadata: () => (this.bar.hidden = false),
      onerror: () => (this.bar.hidden = true), // a format that this browser does not play
    });
    this.bar = make("div", { class: "player", hidden: true }, this.audio);
    this.playhead = make("line", { class: "playhead", y1: 0 });
    /** @type {(HTMLElement | null)[]} One per turn; null for one whose text was deleted. */
    this.bars = [];
    const onclick = (/** @type {any} */ event) => {
      const box = event.currentTarget.getBoundingClientRect();
      this.seek(((event.clientX - box.left) / box.width) * this.sheet.transcript.duration_seconds);
    };
    const label = { role: "img", "aria-label": say("timeline"), class: "timeline" };
    this.timeline = make("svg", { preserveAspectRatio: "none", ...label, onclick }, this.playhead);
    this.element = make("div", {}, this.bar, this.timeline);
  }

  /** Where the sound plays or is paused, in seconds. */
  get now() {
    return this.audio.currentTime || 0;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  /** Whether the sound plays or has been moved. */
  get isInUse() {
    return !this.bar.hidden && (this.now > 0 || this.isPlaying);
  }

  /**
   * Show a sheet.
   * @param {any} sheet null for none
   * @param {number} first the first turn that has changed
   */
  show(sheet, first = 0) {
    this.sheet = sheet;
    this.element.hidden = !sheet;
    if (!sheet) {
      this.sound = null;
      this.bar.hidden = true;
      this.audio.removeAttribute("src");
      return;
    }
    const sound = sheet.address ?? sheet.sound;
    if (this.sound !== sound) {
      this.sound = sound;
      this.bar.hidden = true;
      this.audio.src = sheet.address ?? fileAddress(sheet.sound);
    }
    this.drawTimeline(first);
  }

  /**
   * A picture one second per unit wide, with a lane for each speaker.
   * @param {number} first the first turn whose bar is made anew
   */
  drawTimeline(first) {
    const { transcript, times, speakers } = this.sheet;
    const lanes = speakers.length ? speakers : [null];
    const height = lanes.length * LANE;
    this.timeline.setAttribute("viewBox", `0 0 ${Math.max(transcript.duration_seconds, SHORTEST_SECONDS)} ${height}`);
    this.timeline.style.height = `${height}px`;
    this.playhead.setAttribute("y2", height);
    for (const bar of this.bars.splice(first)) bar?.remove();
    transcript.turns.slice(first).forEach((/** @type {any} */ turn, /** @type {number} */ number) => {
      const [start, end] = times[first + number];
      const lane = Math.max(0, lanes.indexOf(turn.speaker));
      const place = { x: start, y: lane * LANE + 2, width: end - start, height: LANE - 4 };
      const css = `bar ${colourOf(speakers, turn.speaker)}`;
      const bar = turn.text === "" ? null : make("rect", { ...place, class: css });
      this.bars.push(bar);
      if (bar) this.playhead.before(bar);
    });
    this.move();
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (this.bar.hidden) return;
    this.audio.currentTime = seconds;
    this.move();
  }

  /** @param {number} seconds where to play from */
  play(seconds) {
    this.seek(seconds);
    this.audio.play().catch(() => {}); // stopped at once, or a format that this browser does not play
  }

  toggle() {
    if (this.isPlaying) this.audio.pause();
    else this.play(this.now);
  }

  /** @param {number} seconds forward, or back if negative */
  skip(seconds) {
    this.seek(Math.max(0, this.now + seconds));
  }

  move() {
    for (const x of ["x1", "x2"]) this.playhead.setAttribute(x, this.now);
    this.onmove();
  }
}
