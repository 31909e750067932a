// @ts-check
// The place of the text cursor in an element, in characters.

/**
 * Whether a key belongs to the input of Japanese or Chinese. Safari says so of the last one only by its code.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/**
 * Where the cursor is; null if it is elsewhere, or if more than a place is selected.
 * @param {HTMLElement} element
 */
export function caretIn(element) {
  const selection = getSelection();
  if (!selection?.isCollapsed || !selection.focusNode || !element.contains(selection.focusNode)) return null;
  const before = document.createRange();
  before.setStart(element, 0);
  before.setEnd(selection.focusNode, selection.focusOffset);
  return [...before.toString()].length;
}

/**
 * A text as a sheet keeps it: in one line.
 * @param {string} text
 */
export const oneLine = (text) => text.replace(/\s*\n\s*/g, " ");

/**
 * Where a cursor is in the text that the sheet keeps, which has no white space at its start.
 * @param {string} typed the whole text as it was typed or pasted
 * @param {number} caret in characters
 */
export function placeInSheet(typed, caret) {
  const before = [...typed].slice(0, caret).join("");
  return [...oneLine(before).trimStart()].length;
}

/**
 * The part of an element's text from one character to another.
 * @param {HTMLElement} element
 * @param {number} from
 * @param {number} to
 */
export function rangeOf(element, from, to) {
  const range = document.createRange();
  range.setStart(...placeOf(element, from));
  range.setEnd(...placeOf(element, to));
  return range;
}

/**
 * The text node and the UTF-16 offset of a character; the end of the text if there is no such character.
 * @param {HTMLElement} element
 * @param {number} character
 * @returns {[Node, number]}
 */
function placeOf(element, character) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let left = character;
  let last = /** @type {[Node, number]} */ ([element, 0]);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const letters = [...(node.textContent ?? "")];
    if (left <= letters.length) return [node, letters.slice(0, left).join("").length];
    left -= letters.length;
    last = [node, (node.textContent ?? "").length];
  }
  return last;
}

/**
 * Select a part of an element's text, or put the cursor there.
 * @param {HTMLElement} element
 * @param {number} from
 * @param {number} to
 */
export function select(element, from, to = from) {
  element.focus({ preventScroll: true });
  const selection = getSelection();
  selection?.removeAllRanges();
  selection?.addRange(rangeOf(element, from, to));
}
