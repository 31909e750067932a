// @ts-check
// Icons, and buttons that are icons on a phone and words elsewhere (tools.css).
import { make } from "./dom.js";
import { say } from "./i18n.js";

const LENS = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zm0 2a5 5 0 1 1 0 10a5 5 0 0 1 0-10zM15 16.5l1.5-1.5l5 5l-1.5 1.5z";
const TICK = "M9 16.2L4.8 12l-1.4 1.4L9 19L21 7l-1.4-1.4z";
const PATHS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M12 5v14L3 12zM21 5v14l-9-7z",
  forward: "M3 5v14l9-7zM12 5v14l9-7z",
  volume: "M3 9v6h4l6 5V4L7 9z",
  close_project: "M11 4h2v7h7v2h-7v7h-2v-7H4v-2h7z",
  undo: "M8 5L3 10l5 5v-3.5h6a3.5 3.5 0 0 1 0 7h-4v2h4a5.5 5.5 0 0 0 0-11H8z",
  redo: "M16 5l5 5l-5 5v-3.5h-6a3.5 3.5 0 0 0 0 7h4v2h-4a5.5 5.5 0 0 1 0-11h6z",
  find: LENS,
  tick_off: TICK,
  subtitle_limits: "M3 5h18v14H3zM5 7v10h14V7zM7 13h4v2H7zM13 13h4v2h-4zM7 9h8v2H7z",
  copy: "M8 3h12v14H8zM10 5v10h8V5zM4 7h2v12h10v2H4z",
  copied: TICK,
  download: "M11 3h2v9h4l-5 5l-5-5h4zM4 19h16v2H4z",
  zoom_in: `${LENS}M9 7h2v2h2v2h-2v2H9v-2H7V9h2z`,
  zoom_out: `${LENS}M7 9h6v2H7z`,
  zoom_whole: "M2 5h2v14H2zM20 5h2v14h-2zM6 12l4-4v3h4V8l4 4l-4 4v-3h-4v3z",
};

/** @param {keyof typeof PATHS} name */
export const makeIcon = (name) =>
  make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d: PATHS[name] }));

/**
 * A button with an icon and words.
 * @param {keyof typeof PATHS} key of the icon and the words
 * @param {Record<string, any>} attributes
 */
export function wordButton(key, attributes = {}) {
  const button = make("button", attributes);
  showWords(button, key);
  return button;
}

/**
 * Give a button another icon and other words.
 * @param {HTMLElement} button
 * @param {keyof typeof PATHS} key
 */
export function showWords(button, key) {
  button.title = say(key);
  button.replaceChildren(makeIcon(key), make("span", { class: "button-words" }, say(key)));
}
