// @ts-check
// Whether a live recording has been without speech for so long that something may be wrong.
import { peakOf, RATE } from "./pcm.js";

const SILENT_PEAK = 0.001; // -60 dBFS, below which Python takes a recording for silent
const SILENT_SECONDS = 20;
const WORDLESS_SECONDS = 120;

export class Watch {
  constructor() {
    this.silent = 0; // samples since the last sound
    this.wordless = 0; // samples since the last word
    this.peak = 0; // of the last samples
  }

  /**
   * @param {Int16Array} samples
   * @param {boolean} isConnected whether words could come
   */
  hear(samples, isConnected) {
    this.peak = peakOf(samples);
    this.silent = this.peak < SILENT_PEAK ? this.silent + samples.length : 0;
    if (isConnected) this.wordless += samples.length;
  }

  /** Words have come. */
  noteWords() {
    this.wordless = 0;
  }

  get isQuiet() {
    return this.silent > SILENT_SECONDS * RATE || this.wordless > WORDLESS_SECONDS * RATE;
  }
}
