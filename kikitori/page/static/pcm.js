// @ts-check
// Sound as numbers: from the microphone's rate to 16 kHz, 16-bit samples, levels and WAV files.

export const RATE = 16000;

const ZERO_CROSSINGS = 16; // of the filter, on each side
const PASS_SHARE = 0.93; // of the band that is kept; the rest is the filter's slope
const WAV_HEADER = 44; // bytes

/** Changes the rate of sound that comes in parts, with a windowed sinc filter. */
export class Resampler {
  /** @param {number} from rate in Hz */
  constructor(from) {
    this.from = from;
    this.cutoff = PASS_SHARE * Math.min(1, RATE / from);
    this.half = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    /** What is not used up yet; the filter reaches beyond the first and the last sample. */
    this.rest = new Float32Array(this.half);
    /** The place of its first sample in all sound so far. */
    this.place = -this.half;
    this.made = 0;
    /** @type {Map<number, Float32Array>} The filter for each place between two samples, which repeat. */
    this.filters = new Map();
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array} what can be made of all so far; the last few samples wait for the next ones
   */
  add(samples) {
    if (this.from === RATE) return samples;
    const all = new Float32Array(this.rest.length + samples.length);
    all.set(this.rest);
    all.set(samples, this.rest.length);
    const made = [];
    for (; ; this.made++) {
      const whole = Math.floor((this.made * this.from) / RATE);
      const first = whole - this.half + 1 - this.place;
      if (first + 2 * this.half > all.length) break;
      const filter = this.filter((this.made * this.from) % RATE);
      let sum = 0;
      for (let tap = 0; tap < filter.length; tap++) sum += filter[tap] * all[first + tap];
      made.push(sum);
    }
    const next = Math.floor((this.made * this.from) / RATE) - this.half + 1;
    this.rest = all.slice(next - this.place);
    this.place = next;
    return Float32Array.from(made);
  }

  /** @param {number} part how far a place is behind a sample, in parts of 16,000 */
  filter(part) {
    const known = this.filters.get(part);
    if (known) return known;
    const taps = Float32Array.from({ length: 2 * this.half }, (_, tap) => this.tap(tap - this.half + 1 - part / RATE));
    const sum = taps.reduce((one, two) => one + two);
    const filter = taps.map((tap) => tap / sum);
    this.filters.set(part, filter);
    return filter;
  }

  /** @param {number} distance in samples */
  tap(distance) {
    const angle = Math.PI * distance * this.cutoff;
    const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
    return sinc * Math.cos((Math.PI / 2) * Math.min(1, Math.abs(distance) / this.half)) ** 2;
  }
}

/** @param {Float32Array} samples in [-1, 1] */
export const toPcm = (samples) =>
  Int16Array.from(samples, (sample) => Math.max(-32768, Math.min(32767, Math.round(sample * 32768))));

/**
 * The loudest sample, from 0 to 1.
 * @param {Int16Array} samples
 */
export function peakOf(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return peak / 32768;
}

/**
 * A WAV file, as parts of a Blob.
 * @param {Int16Array<ArrayBuffer>[]} parts
 * @returns {(ArrayBuffer | Int16Array<ArrayBuffer>)[]}
 */
export function wavParts(parts) {
  const bytes = 2 * parts.reduce((sum, part) => sum + part.length, 0);
  const header = new DataView(new ArrayBuffer(WAV_HEADER));
  const name = (/** @type {number} */ at, /** @type {string} */ letters) =>
    [...letters].forEach((letter, number) => header.setUint8(at + number, letter.charCodeAt(0)));
  name(0, "RIFF");
  header.setUint32(4, WAV_HEADER - 8 + bytes, true);
  name(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of what describes the samples
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // mono
  header.setUint32(24, RATE, true);
  header.setUint32(28, 2 * RATE, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  name(36, "data");
  header.setUint32(40, bytes, true);
  return [header.buffer, ...parts];
}

/** All sound of a recording, from which what was not heard is sent again. */
export class Sound {
  constructor() {
    /** @type {Int16Array<ArrayBuffer>[]} */
    this.parts = [];
    /** @type {number[]} where each part begins, in samples */
    this.starts = [];
    this.length = 0;
  }

  /** @param {Int16Array<ArrayBuffer>} part */
  add(part) {
    this.parts.push(part);
    this.starts.push(this.length);
    this.length += part.length;
  }

  get seconds() {
    return this.length / RATE;
  }

  /**
   * The rest of the part that has a sample; empty at the end.
   * @param {number} place of the sample
   * @returns {Int16Array<ArrayBuffer>}
   */
  from(place) {
    let [low, high] = [0, this.parts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= place) low = middle;
      else high = middle;
    }
    return this.parts[low]?.subarray(place - this.starts[low]) ?? new Int16Array();
  }
}
