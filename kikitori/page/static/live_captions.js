// @ts-check
// What a live session's events say (docs/live.md), as lines: firm text, and text that may still change.
import { RATE } from "./pcm.js";

const TEXT = "conversation.item.input_audio_transcription";
const NEAR_SECONDS = 1.5; // by how much a stretch that is sent again may begin elsewhere
const MATCHED_CHARACTERS = 6;

/**
 * @typedef {{ id: string, start: number, end: number, text: string, before: string, firm: string, tentative: string,
 * turns: any[] | null, isOpen: boolean }} Line start, end: in samples of the recording. text: firm text of the item.
 * before: what was firm before the connection was lost. turns: with speakers, once the line is closed.
 */

/**
 * Continue firm text, which stays, with what a later session writes for the same sound.
 * @param {string} before
 * @param {string} text
 */
export function continued(before, text) {
  if (text.startsWith(before)) return text;
  const last = before.slice(-MATCHED_CHARACTERS);
  const found = text.indexOf(last, Math.max(0, before.length - 3 * MATCHED_CHARACTERS));
  return before + text.slice(found < 0 ? before.length : found + last.length);
}

export class Captions {
  constructor() {
    /** @type {Line[]} */
    this.lines = [];
    /** Up to which sample of the recording all text is there. */
    this.closed = 0;
    /** The sample at which the session's sound begins. */
    this.base = 0;
    /** How much of the recording the last pass knew, in samples. */
    this.heard = 0;
    /** @type {Line | null} Open when the connection was lost. */
    this.broken = null;
  }

  /**
   * A session begins. It gets the sound from the last stretch that has ended.
   * @returns {number} the first sample to send
   */
  begin() {
    const line = this.lines.at(-1);
    this.broken = null;
    if (line?.isOpen) {
      line.tentative = "";
      line.before = line.firm;
      if (line.firm) this.broken = line;
      else this.lines.pop();
    }
    this.base = this.closed;
    return this.base;
  }

  /**
   * @param {any} event
   * @returns {number} the first line that it changes; -1 for none
   */
  take(event) {
    if (event.type === "input_audio_buffer.speech_started") return this.open(event);
    const number = this.lines.findLastIndex(({ id, isOpen }) => isOpen && id === event.item_id);
    const line = this.lines[number];
    if (!line) return -1;
    if (event.type === `${TEXT}.delta`) line.text += event.delta;
    else if (event.type === "kikitori.tentative") this.wait(line, event);
    else if (event.type === "input_audio_buffer.speech_stopped") line.end = this.place(event.audio_end_ms);
    else if (event.type === `${TEXT}.completed`) this.close(line, event);
    else return -1;
    line.firm = continued(line.before, line.text);
    return number;
  }

  /** @param {number} milliseconds of the session */
  place(milliseconds) {
    return this.base + Math.round((milliseconds * RATE) / 1000);
  }

  /** @param {any} event */
  open({ item_id: id, audio_start_ms }) {
    const { broken } = this;
    this.broken = null;
    const start = this.place(audio_start_ms);
    this.heard = Math.max(this.heard, start);
    if (broken && Math.abs(broken.start - start) < NEAR_SECONDS * RATE) {
      Object.assign(broken, { id, text: "" });
    } else {
      if (broken) broken.isOpen = false;
      const texts = { text: "", before: "", firm: "", tentative: "", turns: null };
      this.lines.push({ id, start, end: start, ...texts, isOpen: true });
    }
    return this.lines.length - 1;
  }

  /**
   * @param {Line} line
   * @param {any} event
   */
  wait(line, { text, audio_heard_ms }) {
    this.heard = this.place(audio_heard_ms);
    line.tentative = line.text.length < line.before.length ? "" : text;
  }

  /**
   * @param {Line} line
   * @param {any} event
   */
  close(line, { transcript, turns }) {
    line.isOpen = false;
    line.tentative = "";
    line.text = transcript;
    const isWhole = transcript.startsWith(line.before);
    line.turns = isWhole && turns.some((/** @type {any} */ { speaker }) => speaker) ? turns : null;
    this.closed = Math.max(this.closed, line.end);
    this.heard = Math.max(this.heard, line.end);
  }
}
