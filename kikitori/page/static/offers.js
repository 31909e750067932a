// @ts-check
// Recordings that the server has already: an example, or one of another tab whose language it is not in.
import { fileAddress, make, press } from "./dom.js";
import { PAGE_TABS, say } from "./i18n.js";
import { openTab, tabOf } from "./tabs.js";

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
  const tab = /** @type {string} */ (tabOf(direction));
  openTab(tab);
  const isBusy = document.getElementById(PAGE_TABS[tab].panel)?.querySelector(".start[inert]");
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
 * What a tab shows and transcribes when a recording is taken: that recording alone.
 * @param {any[]} first values of the tab's first options: the direction or the language, if there is one to choose
 * @param {any[]} options of the tab
 */
export const takenInputs = (first, options) => [null, [taken], ...first, ...options.slice(first.length)];
