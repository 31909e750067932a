// @ts-check
// The Live tab: it listens to the microphone, and shows what is said while it is said.
import { clock, make } from "./dom.js";
import { formatDuration, makeError, say } from "./i18n.js";
import { Captions } from "./live_captions.js";
import { askServer, LiveConnection, soundAddress } from "./live_connection.js";
import { KeptRecordings } from "./live_kept.js";
import { LiveRecording } from "./live_recording.js";
import { LiveSetup } from "./live_setup.js";
import { Lines } from "./live_lines.js";
import { Microphone } from "./microphone.js";
import { Watch } from "./live_watch.js";
import { RATE } from "./pcm.js";
import { pauseSound } from "./sounds.js";

const LATE_SECONDS = 6;
const MOST_SAMPLES = 95e6; // 190 MB: the page takes uploads of up to 200 MB

export class Live {
  /**
   * @param {HTMLElement} element
   * @param {{ languages: [string, string][], directions: [string, string][] }} choices name and value of each
   */
  constructor(element, choices) {
    /** @type {LiveRecording | null} What is being recorded. */
    this.recording = null;
    /** @type {LiveConnection | null} */
    this.connection = null;
    this.captions = new Captions();
    this.microphone = new Microphone(
      (samples) => this.hear(samples),
      (trouble) => this.noteMicrophone(trouble),
    );
    this.shown = ""; // id of the recording whose text is shown
    this.kept = new KeptRecordings(
      (sentence) => this.note("kept", sentence),
      (id, tab) => id === this.shown && this.lines.finish(tab),
    );
    this.setup = new LiveSetup(choices);
    /** @type {Map<string, Node>} What hinders, by what it is about. */
    this.problems = new Map();
    this.watch = new Watch();
    this.limit = 0; // samples up to which there is live text; 0 before it is known
    this.button = make("button", { class: "live-button", onclick: () => this.press() });
    this.time = make("span", { class: "live-time" });
    this.bar = make("span");
    const meter = { class: "live-level", role: "meter", "aria-label": say("live_level"), "aria-valuemax": 100 };
    this.level = make("span", meter, this.bar);
    this.notes = make("div", { role: "status" });
    this.work = make("div", { class: "live-work" }, this.button, this.level, this.time);
    this.lines = new Lines(this.work);
    this.work.append(this.lines.larger);
    element.replaceChildren(this.setup.element, this.work, this.notes, this.kept.element, this.lines.element);
    this.show();
    this.open();
  }

  /** The tab is opened. */
  async open() {
    this.kept.show();
    this.lines.fit();
    if (!this.recording) await this.ask();
  }

  /**
   * Ask whether there is live text, and say why not.
   * @returns {Promise<boolean>}
   */
  async ask() {
    const refusal = await askServer();
    this.note("server", refusal === "gone" ? say("no_answer") : refusal && makeError(refusal));
    return !refusal;
  }

  press() {
    if (this.recording) this.stop();
    else this.start();
  }

  async start() {
    this.button.disabled = true;
    this.problems.clear();
    this.note("kept", "");
    const problem = (await this.ask()) ? await this.microphone.start() : null;
    if (problem) this.note("microphone", say(problem));
    else if (!this.problems.has("server")) this.begin();
    this.button.disabled = false;
  }

  begin() {
    pauseSound();
    const { direction, language } = this.setup;
    this.captions = new Captions();
    this.lines.clear(direction === "diarize");
    this.watch = new Watch();
    this.limit = 0;
    const recording = new LiveRecording(direction, language, (isKept) =>
      this.note("storage", isKept ? "" : say("live_not_kept")),
    );
    this.recording = recording;
    this.shown = recording.about.id;
    this.connection = new LiveConnection(
      soundAddress(direction, language, location.href),
      recording.sound,
      this.captions,
      (state) => this.noteConnection(state),
      (event) => this.take(event),
    );
    this.noteState("live_connecting");
    this.show();
    // On a phone the captions are below the screen.
    if (matchMedia("(max-width: 700px), (max-height: 600px)").matches) this.work.scrollIntoView({ block: "start" });
    this.lines.reveal();
  }

  /** End the recording, and transcribe it. */
  async stop() {
    const { recording } = this;
    if (!recording) return;
    this.microphone.stop();
    this.connection?.close();
    this.recording = this.connection = null;
    this.problems.clear();
    this.note("kept", "");
    this.lines.wait(say("live_empty"));
    this.show();
    await recording.keep();
    recording.release();
    if (!recording.sound.length) return;
    const about = { ...recording.about, samples: recording.sound.length };
    if (!recording.isKept) this.kept.inMemory.set(about.id, { about, parts: recording.sound.parts });
    this.note("sending", say("live_sending"));
    await this.kept.transcribe(about);
    this.note("sending", "");
  }

  /** @param {Int16Array<ArrayBuffer>} samples */
  hear(samples) {
    const { connection, recording } = this;
    if (!recording) return;
    recording.add(samples);
    connection?.tick();
    this.watch.hear(samples, Boolean(connection?.isOpen));
    this.note("quiet", this.watch.isQuiet ? say("live_quiet") : "");
    const late = this.late() / RATE;
    this.note("late", late > LATE_SECONDS ? say("live_late", formatDuration(Math.round(late))) : "");
    this.showLevel(this.watch.peak);
    if (recording.sound.length > MOST_SAMPLES) this.stop();
  }

  /** By how many samples the text is behind. */
  late() {
    const { captions, connection, recording } = this;
    if (!connection?.isOpen || !recording) return 0;
    const { length } = recording.sound;
    const isSpoken = captions.lines.at(-1)?.isOpen;
    return Math.max(length - connection.sent, isSpoken ? length - captions.heard : 0);
  }

  /** @param {any} event */
  take(event) {
    const { recording } = this;
    if (!recording) return;
    if (event.type === "session.created") {
      this.limit = recording.sound.length + event.session.max_seconds * RATE;
      this.lines.show(this.captions, 0);
      this.noteState("loading_model");
    }
    if (event.type === "kikitori.ready") this.noteState("");
    const first = this.captions.take(event);
    if (first < 0) return;
    this.watch.noteWords();
    this.lines.show(this.captions, first);
  }

  /**
   * Say what the text waits for: where it will stand, and above it if there is some already.
   * @param {"live_connecting" | "loading_model" | ""} key
   */
  noteState(key) {
    const { isEmpty } = this.lines;
    this.note("connection", key && !isEmpty ? say(key) : "");
    this.lines.wait(say((isEmpty && key) || "live_empty"));
  }

  /** @param {"lost" | "blocked" | "over" | { text: string, code: string, values: any }} state */
  noteConnection(state) {
    this.lines.wait(say("live_empty"));
    if (typeof state !== "string") return this.note("connection", makeError(state));
    const limit = formatDuration(Math.round(this.limit / RATE));
    this.note("connection", say(`live_${state}`, limit));
  }

  /** @param {"muted" | "ended" | ""} trouble */
  noteMicrophone(trouble) {
    this.note("microphone", trouble && say(`live_${trouble}`));
  }

  /**
   * Say what hinders, or that it no longer does.
   * @param {string} key
   * @param {string | Node | null} what
   */
  note(key, what) {
    const before = this.problems.get(key)?.textContent ?? "";
    if (before === (typeof what === "string" ? what : (what?.textContent ?? ""))) return;
    if (what) this.problems.set(key, make("div", { class: "speech-warning" }, what));
    else this.problems.delete(key);
    const replace = () => this.notes.replaceChildren(...this.problems.values());
    if (this.recording) this.lines.change(replace);
    else replace();
  }

  show() {
    const isOn = this.recording !== null;
    // Nothing but what hinders stands between the button and the text.
    if (isOn) this.lines.element.after(this.kept.element);
    else this.lines.element.before(this.kept.element);
    this.button.textContent = say(isOn ? "live_stop" : "live_start");
    this.button.classList.toggle("live-on", isOn);
    this.setup.lock(isOn);
    this.level.hidden = this.time.hidden = !isOn;
    this.notes.replaceChildren(...this.problems.values());
    if (isOn) this.showLevel(0);
    this.lines.fit();
  }

  /** @param {number} peak */
  showLevel(peak) {
    const share = Math.max(0, Math.min(1, 1 + Math.log10(Math.max(peak, 1e-6)) / 3)); // from -60 to 0 dBFS
    this.bar.style.transform = `scaleX(${share})`;
    this.level.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    const seconds = this.recording?.sound.seconds ?? 0;
    this.time.textContent = this.limit ? say("of", clock(seconds), clock(this.limit / RATE)) : clock(seconds);
  }

  /** Keep the last second too, before the page is gone. */
  keepNow() {
    this.recording?.keep();
  }
}
