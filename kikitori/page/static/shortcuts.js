// @ts-check
// Keys for the whole editor, and the list of all keys.
import { make } from "./dom.js";
import { say } from "./i18n.js";

/** Keys as they are shown -> the text that says what they do. */
const LIST = [
  ["Ctrl+Z", "key_undo"],
  ["Ctrl+Shift+Z", "key_redo"],
  ["Ctrl+Space", "key_play"],
  ["Ctrl+,", "key_back"],
  ["Ctrl+.", "key_forward"],
  ["Enter", "key_split"],
  ["Backspace", "key_join"],
  ["Alt+Shift+← →", "key_nudge_start"],
  ["Ctrl+Alt+Shift+← →", "key_nudge_end"],
  ["Alt+U", "key_unsure"],
  ["Alt+K", "key_tick"],
  ["Ctrl+H", "key_find"],
];

/**
 * Run what a key stands for.
 * @param {any} view
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it stands for something
 */
export function runShortcut(view, event) {
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  /** @type {Record<string, () => void>} */
  const withControl = {
    z: () => (event.shiftKey ? view.redo() : view.undo()),
    y: () => view.redo(),
    " ": () => view.player.toggle(),
    ",": () => view.player.skip(-3),
    ".": () => view.player.skip(3),
    h: () => view.tools.finder.toggle(),
  };
  /** @type {Record<string, () => void>} */
  const withAlt = { KeyU: () => view.tools.showUnsure(), KeyK: () => view.tools.tickOff() };
  // With Alt, a Mac's keys give other letters.
  const step = control && !event.altKey ? withControl[key] : event.altKey && !control ? withAlt[event.code] : undefined;
  step?.();
  return Boolean(step);
}

/**
 * Show the list of keys.
 * @param {HTMLElement} element in which the dialog is made
 */
export function showShortcuts(element) {
  const rows = LIST.map(([keys, text]) =>
    make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, keys)), make("td", {}, say(text))),
  );
  const close = make("button", { onclick: () => dialog.close() }, say("close"));
  const dialog = make(
    "dialog",
    { class: "shortcuts", "aria-label": say("shortcuts") },
    make("table", {}, ...rows),
    close,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (/** @type {Event} */ event) => event.stopPropagation());
  element.append(dialog);
  dialog.showModal();
}
