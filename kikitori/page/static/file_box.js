// @ts-check
// What a visitor has chosen on a tab's start: the files in Gradio's box, and a recording from the microphone.
import { press } from "./dom.js";

const WAIT_MS = 2000; // for Gradio to change what it shows

/** What is there only while something is chosen: the buttons over a list of files, and those of a recording. */
const CHOSEN = ".files .icon-button-wrapper, .microphone [data-testid=waveform-controls]";

/** @param {any} view */
const startOf = ({ element }) => element.closest("[role=tabpanel]").querySelector(".start");

/**
 * Take away what was chosen.
 * @param {any} view of the tab
 */
export async function emptyBox(view) {
  const start = startOf(view);
  if (!start.querySelector(CHOSEN)) return;
  press(`empty_${view.tab}`);
  await awaited(() => !start.querySelector(CHOSEN));
}

/** Ends when the box has what was given to it last. */
let filled = Promise.resolve();

/**
 * Give files to a tab's box, in place of those that it has or that are on their way to it. Gradio would add them, and
 * its list breaks down if a file comes twice.
 * @param {FileList} files
 * @param {any} view of the tab
 * @returns {Promise<void>}
 */
export function fillBox(files, view) {
  filled = filled.catch(() => {}).then(() => replaceFiles(files, view));
  return filled;
}

/**
 * @param {FileList} files
 * @param {any} view of the tab
 */
async function replaceFiles(files, view) {
  await emptyBox(view);
  const start = startOf(view);
  const input = await awaited(() => start.querySelector(".files input[type=file]"));
  if (!input) return;
  input.files = files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  await awaited(() => start.querySelector(CHOSEN));
}

/**
 * @template Found
 * @param {() => Found} find
 * @returns {Promise<Found>} what is found in time
 */
async function awaited(find) {
  const end = Date.now() + WAIT_MS;
  while (!find() && Date.now() < end) await new Promise(requestAnimationFrame);
  return find();
}
