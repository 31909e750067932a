// @ts-check
// Undo and redo.

const MOST_STEPS = 500;

/** @template State */
export class History {
  constructor() {
    /** @type {State[]} */
    this.past = [];
    /** @type {State[]} */
    this.future = [];
    /** @type {string | null} */
    this.group = null;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /**
   * Note a state before it is changed.
   * @param {State} state
   * @param {string | null} group changes of one group that follow each other are undone in one step
   */
  note(state, group = null) {
    this.future = [];
    if (group !== null && group === this.group) return;
    this.group = group;
    this.past.push(state);
    if (this.past.length > MOST_STEPS) this.past.shift();
  }

  /** The next change begins a new step. */
  endGroup() {
    this.group = null;
  }

  /**
   * @param {State} state the present one
   * @returns {State | undefined} the one before; undefined if there is none
   */
  undo(state) {
    this.group = null;
    const earlier = this.past.pop();
    if (earlier !== undefined) this.future.push(state);
    return earlier;
  }

  /**
   * @param {State} state the present one
   * @returns {State | undefined} the one after; undefined if there is none
   */
  redo(state) {
    this.group = null;
    const later = this.future.pop();
    if (later !== undefined) this.past.push(state);
    return later;
  }
}
