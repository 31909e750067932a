// @ts-check
// The browser's microphone as 16-bit samples, 16 kHz, mono. It goes on while the page is in the background.
import { Resampler, toPcm } from "./pcm.js";

const PART_SECONDS = 0.125;
/** Without the browser's noise suppression, which takes parts of words away. */
const WANTED = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true };
/** Name of a browser's error -> key of its sentence. */
const FAULTS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "live_denied",
  SecurityError: "live_denied",
  NotFoundError: "live_no_microphone",
  OverconstrainedError: "live_no_microphone",
  NotReadableError: "live_in_use",
  AbortError: "live_in_use",
});

/** Runs in the browser's sound thread, where none of this script is: collects samples and sends them here. */
function collectSamples() {
  const { AudioWorkletProcessor, registerProcessor } = /** @type {any} */ (globalThis);
  class Collector extends AudioWorkletProcessor {
    constructor(/** @type {any} */ options) {
      super();
      this.samples = new Float32Array(options.processorOptions.size);
      this.count = 0;
    }

    process(/** @type {Float32Array[][]} */ [input]) {
      for (const sample of input[0] ?? []) {
        this.samples[this.count++] = sample;
        if (this.count < this.samples.length) continue;
        this.port.postMessage(this.samples.slice());
        this.count = 0;
      }
      return true;
    }
  }
  registerProcessor("collector", Collector);
}

export class Microphone {
  /**
   * @param {(samples: Int16Array<ArrayBuffer>) => void} onSound
   * @param {(trouble: "muted" | "ended" | "") => void} onTrouble what keeps sound from coming; "" when it comes again
   */
  constructor(onSound, onTrouble) {
    this.onSound = onSound;
    this.onTrouble = onTrouble;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {WakeLockSentinel | null | undefined} Keeps a phone from switching itself off. */
    this.awake = null;
    document.addEventListener("visibilitychange", () => this.stayAwake());
  }

  /** A phone that sleeps does not listen. A page that was in the background has to ask again. */
  async stayAwake() {
    if (!this.stream || document.visibilityState !== "visible") return;
    this.awake = await navigator.wakeLock?.request("screen").catch(() => null);
    if (!this.stream) this.awake?.release(); // stopped meanwhile
  }

  /**
   * Ask for the microphone and begin to listen.
   * @returns {Promise<string | null>} the key of the sentence that says why not
   */
  async start() {
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.AudioWorkletNode) return "live_no_access";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
      await this.listen(this.stream);
      this.stayAwake();
      return null;
    } catch (error) {
      this.stop();
      return FAULTS[/** @type {Error} */ (error).name] ?? "live_no_access";
    }
  }

  /** @param {MediaStream} stream */
  async listen(stream) {
    const context = new AudioContext();
    this.context = context;
    const source = URL.createObjectURL(new Blob([`(${collectSamples})()`], { type: "text/javascript" }));
    await context.audioWorklet.addModule(source);
    URL.revokeObjectURL(source);
    const size = Math.round(PART_SECONDS * context.sampleRate);
    const collector = new AudioWorkletNode(context, "collector", { processorOptions: { size } });
    const resampler = new Resampler(context.sampleRate);
    collector.port.onmessage = ({ data }) => this.onSound(toPcm(resampler.add(data)));
    // It is silent. Some browsers run only what leads to the loudspeaker.
    context.createMediaStreamSource(stream).connect(collector).connect(context.destination);
    await context.resume();
    this.watch(stream.getAudioTracks()[0], context);
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {AudioContext} context
   */
  watch(track, context) {
    const look = () => this.onTrouble(track.muted || context.state !== "running" ? "muted" : "");
    track.onmute = track.onunmute = context.onstatechange = look;
    track.onended = () => this.onTrouble("ended");
    if (track.muted) look();
  }

  stop() {
    if (this.context) this.context.onstatechange = null;
    for (const track of this.stream?.getTracks() ?? []) {
      track.onmute = track.onunmute = track.onended = null;
      track.stop();
    }
    this.context?.close();
    this.awake?.release();
    this.stream = this.context = null;
  }
}
