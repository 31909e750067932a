// @ts-check
// Live recordings that have no transcript yet, kept in this browser as they come in.
//
// They have a database of their own: a new version of the other one could not be opened while an older page is open.
import { Database } from "./database.js";

const LOCK = "kikitori-live-";

/**
 * @typedef {{ id: string, direction: string, language: string, begun: number, samples: number }} Kept
 * language: what was chosen, if the direction takes any. begun: milliseconds since 1970.
 */

class LiveStore extends Database {
  constructor() {
    super("kikitori-live", (database) => {
      database.createObjectStore("recordings", { keyPath: "id" });
      database.createObjectStore("parts");
    });
  }

  /**
   * Add sound to a recording.
   * @param {Kept} recording with the new number of samples
   * @param {number} number of the part
   * @param {Int16Array} samples
   */
  add(recording, number, samples) {
    return this.run(["recordings", "parts"], "readwrite", (recordings, parts) => {
      recordings.put(recording);
      parts.put(samples, [recording.id, number]);
    });
  }

  /**
   * The sound of a recording.
   * @param {string} id
   * @returns {Promise<Int16Array<ArrayBuffer>[]>}
   */
  load(id) {
    return this.run(["parts"], "readonly", (parts) => parts.getAll(IDBKeyRange.bound([id], [id, []])));
  }

  /** @param {string} id */
  remove(id) {
    return this.run(["recordings", "parts"], "readwrite", (recordings, parts) => {
      recordings.delete(id);
      parts.delete(IDBKeyRange.bound([id], [id, []]));
    });
  }

  /**
   * The recordings that no page is making or transcribing now, the latest first; none if the browser keeps nothing.
   * @returns {Promise<Kept[]>}
   */
  async list() {
    try {
      const all = await this.run(["recordings"], "readonly", (recordings) => recordings.getAll());
      const { held = [] } = (await navigator.locks?.query()) ?? {};
      const names = held.map(({ name }) => name);
      const idle = all.filter((/** @type {Kept} */ { id }) => !names.includes(LOCK + id));
      return idle.sort((/** @type {Kept} */ one, /** @type {Kept} */ two) => two.begun - one.begun);
    } catch {
      return [];
    }
  }

  /**
   * Let no page offer a recording while it is made or transcribed. The browser ends that when this page is gone.
   * @param {string} id
   * @returns {() => void} ends it
   */
  hold(id) {
    let release = () => {};
    const held = new Promise((resolve) => (release = () => resolve(null)));
    navigator.locks?.request(LOCK + id, () => held);
    return release;
  }
}

export const liveStore = new LiveStore();
