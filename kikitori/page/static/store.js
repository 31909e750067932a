// @ts-check
// What the visitor has made, kept in this browser (IndexedDB): nothing of it is sent anywhere.
//
// An entry is what a list shows of a project: id, tab, what `describe` of keeping.js returns, changed (milliseconds), and
// whether it is a copy. `writer` says which page stored it last. Its sheets and its sounds are stored apart, so that a list loads quickly.
import { Database } from "./database.js";

const NAME = "kikitori";
const LARGEST_SOUND = 300e6; // bytes; a larger one is played from the server as long as that has it

export class Store extends Database {
  constructor() {
    super(NAME, (database) => {
      database.createObjectStore("entries", { keyPath: "id" });
      database.createObjectStore("states");
      database.createObjectStore("sounds");
    });
  }

  /**
   * Save a project, unless another page has changed it.
   * @param {any} entry
   * @param {any} state {sheets, current}
   * @param {number} known when the project had been changed when this page opened it
   * @returns {Promise<boolean>} whether it is saved
   */
  async save(entry, state, known) {
    const isMine = (/** @type {any} */ stored) => !stored || stored.writer === entry.writer || stored.changed === known;
    const before = await this.run(["entries", "states"], "readwrite", (entries, states) => {
      const stored = entries.get(entry.id);
      stored.addEventListener("success", () => {
        if (!isMine(stored.result)) return;
        entries.put(entry);
        states.put(state, entry.id);
      });
      return stored;
    });
    return isMine(before);
  }

  /**
   * The entries of all tabs, the latest first.
   * @returns {Promise<any[]>}
   */
  async list() {
    const entries = await this.run(["entries"], "readonly", (stored) => stored.getAll());
    return entries.sort((/** @type {any} */ one, /** @type {any} */ two) => two.changed - one.changed);
  }

  /**
   * An entry and its state; null if it is not there.
   * @param {string} id
   */
  async load(id) {
    const entry = await this.run(["entries"], "readonly", (stored) => stored.get(id));
    const state = await this.run(["states"], "readonly", (stored) => stored.get(id));
    return entry && state ? { entry, state } : null;
  }

  /** @param {string} id */
  remove(id) {
    return this.run(["entries", "states", "sounds"], "readwrite", (entries, states, sounds) => {
      entries.delete(id);
      states.delete(id);
      sounds.delete(IDBKeyRange.bound([id], [id, []]));
    });
  }

  /**
   * Keep a sound, unless it is very large.
   * @param {string} id
   * @param {number} number of the sheet
   * @param {Blob} sound
   */
  async saveSound(id, number, sound) {
    if (sound.size > LARGEST_SOUND) return;
    await this.run(["sounds"], "readwrite", (sounds) => void sounds.put(sound, [id, number]));
  }

  /**
   * @param {string} id
   * @param {number} number
   * @returns {Promise<Blob | undefined>}
   */
  loadSound(id, number) {
    return this.run(["sounds"], "readonly", (sounds) => sounds.get([id, number]));
  }
}
