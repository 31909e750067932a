// @ts-check
// A database of this browser (IndexedDB).

/**
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

export class Database {
  /**
   * @param {string} name
   * @param {(database: IDBDatabase) => void} build makes its stores
   */
  constructor(name, build) {
    this.name = name;
    this.build = build;
    /** @type {Promise<IDBDatabase> | null} */
    this.opened = null;
  }

  /** @returns {Promise<IDBDatabase>} */
  database() {
    if (this.opened) return this.opened;
    const request = indexedDB.open(this.name, 1);
    request.onupgradeneeded = () => this.build(request.result);
    this.opened = answer(request);
    this.opened.catch(() => (this.opened = null));
    return this.opened;
  }

  /**
   * Begin a transaction. A browser may close the database, for example to make room: it is opened again then.
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   */
  async begin(stores, mode) {
    const database = await this.database();
    try {
      return database.transaction(stores, mode);
    } catch {
      this.opened = null;
      return (await this.database()).transaction(stores, mode);
    }
  }

  /**
   * Run steps in one transaction; it is undone if one fails.
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   * @param {(...stores: IDBObjectStore[]) => any} steps returns a request, or nothing
   */
  async run(stores, mode, steps) {
    const transaction = await this.begin(stores, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = transaction.onerror = () => reject(transaction.error);
    });
    const request = steps(...stores.map((name) => transaction.objectStore(name)));
    const [result] = await Promise.all([request ? answer(request) : null, done]);
    return result;
  }
}
