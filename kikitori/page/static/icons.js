// @ts-check
// Icons of buttons.
import { make } from "./dom.js";

const LENS = "M10 3a7 7 0 1 0 0 14a7 7 0 0 0 0-14zm0 2a5 5 0 1 1 0 10a5 5 0 0 1 0-10zM15 16.5l1.5-1.5l5 5l-1.5 1.5z";
const PATHS = {
  play: "M7 4v16l13-8z",
  pause: "M6 4h4v16H6zM14 4h4v16h-4z",
  back: "M12 5v14L3 12zM21 5v14l-9-7z",
  forward: "M3 5v14l9-7zM12 5v14l9-7z",
  volume: "M3 9v6h4l6 5V4L7 9z",
  zoom_in: `${LENS}M9 7h2v2h2v2h-2v2H9v-2H7V9h2z`,
  zoom_out: `${LENS}M7 9h6v2H7z`,
  zoom_whole: "M2 5h2v14H2zM20 5h2v14h-2zM6 12l4-4v3h4V8l4 4l-4 4v-3h-4v3z",
};

/** @param {keyof typeof PATHS} name */
export const makeIcon = (name) =>
  make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d: PATHS[name] }));
