// @ts-check
// Live recordings that have no transcript yet: the list of them, and their way through the tab of their direction.
import { clock, make } from "./dom.js";
import { say, when } from "./i18n.js";
import { joinSamples, recordingName } from "./live_recording.js";
import { liveStore } from "./live_store.js";
import { take } from "./offers.js";
import { RATE, wavParts } from "./pcm.js";
import { openTab, tabName, tabOf } from "./tabs.js";
import { sendSound } from "./uploads.js";
import { viewOf } from "./views.js";

const LOOK_MS = 500;

/** @typedef {import("./live_store.js").Kept} Kept */

export class KeptRecordings {
  /**
   * @param {(sentence: string) => void} note says what went wrong; "" for nothing
   * @param {(id: string, tab: string | null) => void} onTab called when a tab transcribes a recording, and with null if
   *   it has failed
   */
  constructor(note, onTab) {
    this.note = note;
    this.onTab = onTab;
    /** @type {Map<string, { about: Kept, parts: Int16Array<ArrayBuffer>[] }>} What the browser could not keep, by id. */
    this.inMemory = new Map();
    /** @type {Map<string, () => void>} Recordings that are being transcribed, by id, and what ends that. */
    this.atWork = new Map();
    this.list = make("ul", { class: "live-recordings" });
    this.element = make("section", { hidden: true }, make("h3", {}, say("live_kept")), this.list);
  }

  async show() {
    const stored = await liveStore.list();
    const others = [...this.inMemory.values()].map(({ about }) => about);
    const all = [...others, ...stored.filter(({ id }) => !this.inMemory.has(id))];
    const shown = all.filter(({ id }) => !this.atWork.has(id));
    this.element.hidden = !shown.length;
    this.list.replaceChildren(...shown.map((kept) => this.makeItem(kept)));
  }

  /** @param {Kept} kept */
  makeItem(kept) {
    const name = when(kept.begun);
    const about = [name, clock(kept.samples / RATE), tabName(/** @type {string} */ (tabOf(kept.direction)))];
    const label = say("delete_project", name);
    const remove = async () => {
      if (!confirm(`${label}?`)) return;
      await this.forget(kept.id);
    };
    return make(
      "li",
      {},
      make("span", {}, about.join(" · ")),
      make("button", { onclick: () => this.ifThere(kept, () => this.transcribe(kept)) }, say("live_transcribe")),
      make("button", { onclick: () => this.ifThere(kept, () => this.save(kept)) }, say("download")),
      make("button", { "aria-label": label, title: label, onclick: remove }, "✕"),
    );
  }

  /** @param {string} id */
  async forget(id) {
    this.inMemory.delete(id);
    await liveStore.remove(id).catch(() => {}); // a browser may forbid storage
    await this.show();
  }

  /**
   * Do something with a recording, unless another page of this browser has deleted it or transcribes it.
   * @param {Kept} kept
   * @param {() => Promise<void>} action
   */
  async ifThere({ id }, action) {
    const isThere = this.inMemory.has(id) || (await liveStore.list()).some((kept) => kept.id === id);
    if (isThere) return action();
    await this.show();
    this.note(say("live_gone"));
  }

  /**
   * @param {Kept} kept
   * @returns {Promise<Blob>}
   */
  async wav({ id }) {
    const parts = this.inMemory.get(id)?.parts ?? (await liveStore.load(id));
    return new Blob(wavParts([joinSamples(parts)]), { type: "audio/wav" });
  }

  /** @param {Kept} kept */
  async save(kept) {
    const link = make("a", { href: URL.createObjectURL(await this.wav(kept)), download: recordingName(kept.begun) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /**
   * Send a recording, and transcribe it in the tab of its direction. It is kept until that tab keeps it.
   * @param {Kept} kept
   */
  async transcribe(kept) {
    this.note("");
    this.atWork.set(kept.id, liveStore.hold(kept.id)); // no page offers it meanwhile
    await this.show();
    const problem = await this.handOver(kept);
    if (problem) {
      this.endWork(kept.id);
      this.note(problem);
      await this.show();
    }
  }

  /**
   * @param {Kept} kept
   * @returns {Promise<string | null>} why it could not be done
   */
  async handOver(kept) {
    const tab = /** @type {string} */ (tabOf(kept.direction));
    const name = recordingName(kept.begun);
    let path;
    try {
      path = await sendSound(await this.wav(kept), name);
    } catch {
      return say("live_not_sent");
    }
    openTab(tab);
    const view = await viewOf(tab);
    if (view.isBusy || !(await view.keeper.close())) return say("live_busy", tabName(tab));
    take(`offer_${kept.direction}`, [{ path, name }], kept.language ? [kept.language] : null);
    this.onTab(kept.id, tab);
    this.forgetWhenDone(kept, view, name);
    return null;
  }

  /**
   * Forget a recording once its transcript is kept with its sound.
   * @param {Kept} kept
   * @param {any} view
   * @param {string} name
   */
  async forgetWhenDone({ id }, view, name) {
    for (let begun = false; ; begun ||= view.isBusy) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      const sheet = view.sheets.findIndex((/** @type {any} */ { transcript }) => transcript.audio === name);
      if (view.keeper.kept.has(`${view.keeper.id} ${sheet}`)) break;
      if (begun && !view.isBusy && sheet < 0) {
        this.endWork(id); // the job has failed, and its tab says why
        this.onTab(id, null);
        return this.show();
      }
    }
    await this.forget(id);
    this.endWork(id);
  }

  /** @param {string} id */
  endWork(id) {
    this.atWork.get(id)?.();
    this.atWork.delete(id);
  }
}
