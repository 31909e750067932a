// @ts-check
// A live recording while it is made: in memory, and kept in the browser second by second.
import { liveStore } from "./live_store.js";
import { RATE, Sound } from "./pcm.js";

/**
 * Join parts into one.
 * @param {Int16Array[]} parts
 */
export function joinSamples(parts) {
  const joined = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    joined.set(part, place);
    place += part.length;
  }
  return joined;
}

/**
 * The name of a recording's file.
 * @param {number} begun milliseconds since 1970
 */
export function recordingName(begun) {
  const local = new Date(begun - new Date(begun).getTimezoneOffset() * 60_000).toISOString();
  return `live_${local.slice(0, 10)}_${local.slice(11, 19).replaceAll(":", "-")}.wav`;
}

export class LiveRecording {
  /**
   * @param {string} direction
   * @param {string} language that was chosen, if the direction takes any
   * @param {(isKept: boolean) => void} onKept called when the browser has kept a part, or could not
   */
  constructor(direction, language, onKept) {
    const begun = Date.now();
    const id = `${begun}-${Math.random()}`;
    /** @type {import("./live_store.js").Kept} */
    this.about = { id, direction, language, begun, samples: 0 };
    this.sound = new Sound();
    this.onKept = onKept;
    /** @type {Int16Array[]} */
    this.waiting = [];
    this.count = 0; // of parts that are kept
    this.keeping = Promise.resolve();
    this.release = liveStore.hold(id);
  }

  /** @param {Int16Array<ArrayBuffer>} samples */
  add(samples) {
    this.sound.add(samples);
    this.waiting.push(samples);
    if (this.sound.length - this.about.samples >= RATE) this.keep();
  }

  /** Keep what has come since the last time. One part after the other, so that none is missing in between. */
  keep() {
    this.keeping = this.keeping.then(async () => {
      const samples = joinSamples(this.waiting);
      if (!samples.length) return;
      this.waiting = [];
      const about = { ...this.about, samples: this.about.samples + samples.length };
      try {
        await liveStore.add(about, this.count, samples);
        this.about = about;
        this.count++;
        this.onKept(true);
      } catch {
        this.waiting.unshift(samples); // the next time may go better
        this.onKept(false);
      }
    });
    return this.keeping;
  }

  get isKept() {
    return this.about.samples === this.sound.length;
  }
}
