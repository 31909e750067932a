// @ts-check
// Recordings that the server has already: an example, or one of another tab whose language it is not in.
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

/** @type {any} The recording that is being taken, as Gradio sends files. */
let taken = null;

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
 * Open the tab of a direction, and take the recording there.
 * @param {string} direction
 * @param {any} sheet
 */
function move(direction, { sound, transcript }) {
  document.getElementById(`${TABS[direction]}-button`)?.click();
  const isBusy = document.getElementById(TABS[direction])?.querySelector(".start[inert]");
  if (!isBusy) take(`offer_${direction}`, sound, transcript.audio); // else its own job is shown
}

/**
 * Take a recording, and press the hidden button that starts its job.
 * @param {string} button its id (kikitori/page/tabs.py)
 * @param {string} path of the file on the server
 * @param {string} name
 */
export function take(button, path, name) {
  taken = asUpload(path, name);
  press(button);
}

/**
 * A file of the server as Gradio sends an upload.
 * @param {string} path
 * @param {string} name
 */
export const asUpload = (path, name) => ({
  path,
  url: fileAddress(path),
  orig_name: name,
  meta: { _type: "gradio.FileData" },
});

/**
 * Press a button, which Gradio makes when its tab is opened for the first time.
 * @param {string} id
 */
export function press(id) {
  const button = document.getElementById(id);
  if (button) button.click();
  else setTimeout(press, LOOK_EVERY_MS, id);
}

/**
 * What a tab shows and transcribes when a recording is taken: that recording alone.
 * @param {any[]} first values of the tab's first options: the direction or the language, if there is one to choose
 * @param {any[]} options of the tab
 */
export const takenInputs = (first, options) => [null, [taken], ...first, ...options.slice(first.length)];
