// @ts-check
// The player of a transcript's sound: a bar with buttons and the timeline. A hidden <audio> makes the sound.
import { clock, fileAddress, make } from "./dom.js";
import { say } from "./i18n.js";
import { makeIcon } from "./icons.js";
import { decodeLevels } from "./outline.js";
import { hasText } from "./sheet.js";
import { pauseSound } from "./sounds.js";
import { COLOURS, Timeline } from "./timeline.js";
import { ZoomControls } from "./zoom_controls.js";

const SKIP_SECONDS = 3;
const MAX_RETRIES = 3; // of loading a sound whose connection has broken
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const OTHER_LENGTH_SECONDS = 2; // players and decoders differ by less
/** The outline of a sheet that has none. */
const NO_PEAKS = { levels: "", each: 1 };

/**
 * The class that gives a speaker their colour.
 * @param {string[]} speakers
 * @param {string | null} speaker
 */
export function colourOf(speakers, speaker) {
  const number = numberOf(speakers, speaker);
  return number < 0 ? "" : `speaker-${number}`;
}

/**
 * The number of a speaker's colour; -1 for none.
 * @param {string[]} speakers
 * @param {string | null} speaker
 */
function numberOf(speakers, speaker) {
  const number = speaker === null ? -1 : speakers.indexOf(speaker);
  return number < 0 ? -1 : number % COLOURS;
}

/**
 * `element` is the bar. It is hidden while there is no sheet.
 */
export class Player {
  /**
   * @param {(jumped: boolean) => void} onmove called when the place moves. jumped: because the visitor moved it.
   * @param {(turn: number, isEnd: boolean, seconds: number) => void} onedge called when the visitor has moved the start
   *   or the end of a turn
   * @param {(file: File) => void} onsound called when the visitor gives a transcript its recording
   */
  constructor(onmove, onedge, onsound) {
    this.onmove = onmove;
    this.onsound = onsound;
    /** @type {any} */
    this.sheet = null;
    /** Whether the turns' times can't be changed. */
    this.isFixed = true;
    /** @type {string | null} */
    this.sound = null;
    /** Whether this browser can play the sound. */
    this.isPlayable = true;
    /** The place of a sound that can't be played, or is loaded again. */
    this.place = 0;
    this.frame = 0;
    this.retries = 0;
    /** @type {(import("./timeline.js").Region | null)[]} One per turn; null for one that was removed. */
    this.regions = [];
    /** The outline that was decoded last. */
    this.outline = { base64: "", levels: decodeLevels("") };
    this.audio = this.makeAudio();
    this.timeline = new Timeline({
      label: say("position"),
      describe: (seconds, total) => say("of", clock(seconds), clock(total)),
      onseek: (seconds) => this.seek(seconds),
      onchoose: (seconds) => this.play(seconds),
      onedge,
      onhide: pauseSound,
    });
    this.zoom = new ZoomControls(this.timeline);
    this.time = make("span", { class: "clock" });
    this.button = make("button", { class: "main", onclick: () => this.toggle() });
    this.speed = this.makeSpeed();
    this.problem = make("p", { role: "status" });
    this.element = make(
      "div",
      { class: "player", role: "group", "aria-label": say("player"), hidden: true },
      this.audio,
      this.timeline.element,
      this.zoom.scroller,
      this.makeControls(),
      this.problem,
    );
    this.showState();
  }

  makeAudio() {
    return make("audio", {
      preload: "metadata",
      ontimeupdate: () => this.move(),
      ondurationchange: () => this.noteLength(),
      onplay: () => this.showState(),
      onpause: () => this.showState(),
      onplaying: () => (this.retries = 0),
      onerror: () => this.recover(),
    });
  }

  makeControls() {
    const skip = (/** @type {string} */ key, /** @type {number} */ seconds, /** @type {any[]} */ ...parts) =>
      make("button", { "aria-label": say(key), title: say(key), onclick: () => this.skip(seconds) }, ...parts);
    return make(
      "div",
      { class: "controls" },
      skip("skip_back", -SKIP_SECONDS, makeIcon("back"), String(SKIP_SECONDS)),
      this.button,
      skip("skip_forward", SKIP_SECONDS, String(SKIP_SECONDS), makeIcon("forward")),
      this.time,
      ...this.zoom.buttons,
      this.speed,
      make("label", { class: "volume", title: say("volume") }, makeIcon("volume"), this.makeVolume()),
    );
  }

  makeSpeed() {
    const options = SPEEDS.map((rate) =>
      make("option", { value: rate, selected: rate === 1 }, `${rate.toLocaleString()}×`),
    );
    const onchange = (/** @type {any} */ event) => this.setSpeed(Number(event.target.value));
    return make("select", { class: "speed", "aria-label": say("speed"), title: say("speed"), onchange }, ...options);
  }

  makeVolume() {
    const oninput = (/** @type {any} */ event) => (this.audio.volume = Number(event.target.value));
    return make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 1, "aria-label": say("volume"), oninput });
  }

  /** Where the sound plays or is paused, in seconds. */
  get now() {
    return this.isPlayable ? this.audio.currentTime || 0 : this.place;
  }

  get isPlaying() {
    return !this.audio.paused;
  }

  /** Whether the sound plays or has been moved. */
  get isInUse() {
    return this.sheet !== null && (this.now > 0 || this.isPlaying);
  }

  /** Whether only the beginning is transcribed. */
  get isPartial() {
    return this.sheet.transcript.warnings.some((/** @type {any} */ warning) => warning.kind === "partial");
  }

  /** The recording's length in seconds, as far as it is known. */
  get total() {
    const { length, transcript } = this.sheet;
    if (!this.isPartial) return transcript.duration_seconds;
    const played = Number.isFinite(this.audio.duration) ? this.audio.duration : 0;
    return Math.max(transcript.duration_seconds, length ?? 0, played);
  }

  /**
   * Show a sheet.
   * @param {any} sheet null for none
   * @param {number} first the first turn that has changed
   * @param {boolean} isFixed whether its times can't be changed
   */
  show(sheet, first = 0, isFixed = false) {
    this.sheet = sheet;
    this.isFixed = isFixed;
    this.element.hidden = !sheet;
    this.load(sheet?.address ?? sheet?.sound ?? null);
    if (!sheet) return;
    if (this.sound === null && this.isPlayable) this.setPlayable(false); // a project from a file
    const { transcript, times, speakers } = sheet;
    const changed = transcript.turns.slice(first).map((/** @type {any} */ turn, /** @type {number} */ number) => {
      const [start, end] = times[first + number];
      return hasText(turn) ? [start, end, numberOf(speakers, turn.speaker), first + number] : null;
    });
    this.regions.splice(first, Infinity, ...changed);
    this.draw();
  }

  /**
   * Load another sound; the same one goes on.
   * @param {string | null} sound the server's path, or the address of a sound in this browser; null for none
   */
  load(sound) {
    if (this.sound === sound) return;
    this.sound = sound;
    this.place = this.retries = 0;
    this.timeline.zoom(0);
    this.setPlayable(true);
    if (sound !== null) {
      this.audio.src = sound.startsWith("blob:") ? sound : fileAddress(sound);
    } else {
      this.audio.removeAttribute("src");
      this.audio.load(); // without it the sound would go on
    }
    this.showState();
  }

  /** The length of the sound is known: say so if a recording that the visitor has added can't be the right one. */
  noteLength() {
    this.draw();
    const { sheet, audio } = this;
    if (!sheet?.address || sheet.sound) return; // not one that was added
    const expected = this.isPartial ? (sheet.length ?? audio.duration) : sheet.transcript.duration_seconds;
    if (Math.abs(audio.duration - expected) > OTHER_LENGTH_SECONDS) {
      const lengths = [audio.duration, expected].map(clock);
      this.problem.replaceChildren(say("other_length", ...lengths), " ", this.makeAdd());
    }
  }

  /** A button that adds a recording. */
  makeAdd() {
    const input = make("input", { type: "file", accept: "audio/*,video/*" });
    input.addEventListener("change", () => this.onsound(input.files[0]));
    return make("button", { class: "plain", onclick: () => input.click() }, say("add_sound"));
  }

  /** Draw the timeline of the sheet. */
  draw() {
    if (!this.sheet) return;
    const { total } = this;
    const { levels, each } = this.sheet.peaks ?? NO_PEAKS;
    this.timeline.show({
      total,
      heard: this.isPartial ? this.sheet.transcript.duration_seconds : total,
      levels: this.decode(levels),
      each,
      regions: this.regions.filter((region) => region !== null),
      isFixed: this.isFixed,
    });
    this.move();
  }

  /**
   * An outline's levels. They are decoded once: four hours have 360,000.
   * @param {string} base64
   */
  decode(base64) {
    if (this.outline.base64 !== base64) this.outline = { base64, levels: decodeLevels(base64) };
    return this.outline.levels;
  }

  /**
   * Play, from a place if one is given.
   * @param {number} [seconds]
   */
  play(seconds) {
    if (seconds !== undefined) this.seek(seconds);
    else this.timeline.place(this.now, true);
    if (this.isPlayable) this.audio.play().catch(() => {}); // `onerror` says why
  }

  pause() {
    this.audio.pause();
  }

  /** Play or pause. */
  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  /**
   * Go to a place; what is paused stays paused.
   * @param {number} seconds
   */
  seek(seconds) {
    if (!this.sheet) return;
    const place = Math.min(Math.max(seconds, 0), this.total);
    if (this.isPlayable) this.audio.currentTime = place;
    this.place = place;
    this.move(true);
  }

  /**
   * Go forward, or back if negative.
   * @param {number} seconds
   */
  skip(seconds) {
    this.seek(this.now + seconds);
  }

  /** @param {number} rate from 0.5 to 2; 1 is the speed of the recording */
  setSpeed(rate) {
    this.audio.defaultPlaybackRate = this.audio.playbackRate = rate;
    this.speed.value = String(rate);
  }

  /** @param {1 | -1} direction to the next faster or slower speed */
  stepSpeed(direction) {
    const number = SPEEDS.indexOf(Number(this.speed.value)) + direction;
    if (number in SPEEDS) this.setSpeed(SPEEDS[number]);
  }

  /**
   * Show the place.
   * @param {boolean} jumped whether the visitor moved it
   */
  move(jumped = false) {
    if (!this.sheet) return;
    if (this.isPlayable && this.audio.currentTime) this.place = this.audio.currentTime;
    const text = `${clock(this.now)} / ${clock(this.total)}`;
    if (this.time.textContent !== text) this.time.textContent = text;
    this.timeline.place(this.now, jumped);
    this.onmove(jumped);
  }

  /** Show whether it plays, and let the playhead glide while it does. */
  showState() {
    const key = this.isPlaying ? "sound_pause" : "sound_play";
    for (const name of ["aria-label", "title"]) this.button.setAttribute(name, say(key));
    this.button.replaceChildren(makeIcon(this.isPlaying ? "pause" : "play"));
    this.glide();
  }

  glide() {
    cancelAnimationFrame(this.frame);
    this.timeline.place(this.now);
    if (this.isPlaying) this.frame = requestAnimationFrame(() => this.glide());
  }

  /** After an error of the sound: load it again if only the connection has broken. */
  recover() {
    if (this.sound === null) return;
    const { error, paused } = this.audio;
    if (error?.code !== MediaError.MEDIA_ERR_NETWORK || this.retries === MAX_RETRIES) return this.setPlayable(false);
    this.retries += 1;
    this.audio.load();
    this.audio.currentTime = this.place;
    if (!paused) this.play();
  }

  /** @param {boolean} isPlayable */
  setPlayable(isPlayable) {
    this.isPlayable = isPlayable;
    const sentences = this.sound === null ? [say("no_sound"), " ", this.makeAdd()] : [say("cannot_play")];
    this.problem.replaceChildren(...(isPlayable ? [] : sentences));
    this.button.disabled = !isPlayable;
  }
}
