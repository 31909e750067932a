// @ts-check
// A recording in another language than its tab's: a button moves it to the tab that fits and runs it there.
import { fileAddress, make } from "./dom.js";
import { say } from "./i18n.js";

/** Direction -> id of its tab (kikitori/page/tabs.py). */
const TABS = /** @type {Record<string, string>} */ ({
  diarize: "diarize",
  en2ja: "translate",
  ja2en: "translate",
  pt: "transcribe_portuguese",
  transcribe: "transcribe",
});
const LOOK_EVERY_MS = 50;

/** @type {any} The recording that is being moved, as Gradio sends files. */
let moved = null;

/**
 * Add a button for each direction that a warning names.
 * @param {HTMLElement} note
 * @param {any} warning
 * @param {any} sheet
 */
export function offer(note, { values = {} }, sheet) {
  if (!sheet.sound) return note; // a project from a file has none
  for (const direction of (values.directions ?? "").split(" ").filter(Boolean)) {
    note.append(
      " ",
      make("button", { class: "offer", onclick: () => move(direction, sheet) }, say(`offer_${direction}`)),
    );
  }
  return note;
}

/**
 * Open the tab of a direction, and press the hidden button that takes the recording and starts the job.
 * @param {string} direction
 * @param {any} sheet
 */
function move(direction, { sound, transcript }) {
  moved = { path: sound, url: fileAddress(sound), orig_name: transcript.audio, meta: { _type: "gradio.FileData" } };
  document.getElementById(`${TABS[direction]}-button`)?.click();
  const isBusy = document.getElementById(TABS[direction])?.querySelector(".source-side > [inert]");
  if (!isBusy) press(`offer_${direction}`); // else its own job is shown
}

/**
 * Press a button, which Gradio makes when its tab is opened for the first time.
 * @param {string} id
 */
function press(id) {
  const button = document.getElementById(id);
  if (button) button.click();
  else setTimeout(press, LOOK_EVERY_MS, id);
}

/**
 * What a tab shows and transcribes when a recording is moved to it: that recording alone.
 * @param {any[]} first values of the tab's first options: the direction or the language, if there is one to choose
 * @param {any[]} options of the tab
 */
export const movedInputs = (first, options) => [moved, null, ...first, ...options.slice(first.length)];
