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
  ["Ctrl+Shift+,", "key_slower"],
  ["Ctrl+Shift+.", "key_faster"],
  ["Alt+J", "key_to_sound"],
  ["Alt+↑", "key_row_above"],
  ["Alt+↓", "key_row_below"],
  ["Enter", "key_split"],
  ["Backspace", "key_join"],
  ["Alt+Shift+← →", "key_nudge_start"],
  ["Ctrl+Alt+Shift+← →", "key_nudge_end"],
  ["Alt+U", "key_unsure"],
  ["Alt+K", "key_tick"],
  ["Ctrl+H", "key_find"],
  ["Alt+I", "zoom_in"],
  ["Alt+O", "zoom_out"],
  ["Alt+0", "zoom_whole"],
];

/**
 * Whether a key belongs to the menu that has the focus: Alt with an arrow opens it.
 * @param {KeyboardEvent} event
 */
const isMenuKey = ({ target, code }) =>
  /** @type {Element} */ (target).matches("select, [role^=menu], [aria-haspopup]") && code.startsWith("Arrow");

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
  /** @type {Record<string, () => void>} By the place of the key: with Shift, a keyboard's commas give other signs. */
  const withControlShift = { Comma: () => view.player.stepSpeed(-1), Period: () => view.player.stepSpeed(1) };
  /** @type {Record<string, () => void>} With Alt, a Mac's keys give other letters. */
  const withAlt = {
    KeyU: () => view.tools.showUnsure(),
    KeyK: () => view.tools.tickOff(),
    KeyJ: () => view.goToSound(),
    KeyI: () => view.player.timeline.zoom(2),
    KeyO: () => view.player.timeline.zoom(0.5),
    Digit0: () => view.player.timeline.zoom(0),
    ArrowUp: () => view.editor.goToRow(-1),
    ArrowDown: () => view.editor.goToRow(1),
  };
  /** @type {(() => void) | undefined} */
  let step;
  if (control && !event.altKey) step = (event.shiftKey ? withControlShift[event.code] : undefined) ?? withControl[key];
  else if (event.altKey && !control && !isMenuKey(event)) step = withAlt[event.code];
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
