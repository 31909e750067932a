// @ts-check
// What one tab of the browser keeps until it is closed.

/** The tab's own small storage, which a browser may forbid. */
export const session = {
  get(/** @type {string} */ key) {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  },
  /** Returns whether it is kept. If not, a reload shows the list of transcripts instead of the last one. */
  set(/** @type {string} */ key, /** @type {string | null} */ value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, value);
      return true;
    } catch {
      return false;
    }
  },
};
