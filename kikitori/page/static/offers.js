// @ts-check
// Recordings that the server has already: an example, or one of another tab whose language it is not in.
import { fileAddress, make, press } from "./dom.js";
import { PAGE_TABS, say } from "./i18n.js";
import { openTab, tabOf } from "./tabs.js";
import { toast } from "./toast.js";
import { uploadedPath } from "./uploads.js";

/** @type {any[]} The recordings that are being taken, as Gradio sends files. */
let taken = [];

/** @type {any[] | null} The tab's first options for them, if they are not those of the direction. */
let takenOptions = null;

/**
 * Add a button for each direction that a warning names.
 * @param {HTMLElement} note
 * @param {any} warning
 * @param {any} sheet
 */
export function offer(note, { values = {} }, sheet) {
  if (!sheet.sound && !sheet.address) return note; // a project from a file has none
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
async function move(direction, sheet) {
  const path = await uploadedPath(sheet);
  if (!path) return toast(say("recording_gone"));
  const tab = /** @type {string} */ (tabOf(direction));
  openTab(tab);
  const isBusy = document.getElementById(PAGE_TABS[tab].panel)?.querySelector(".start[inert]");
  if (!isBusy) take(`offer_${direction}`, [{ path, name: sheet.transcript.audio }]); // else its own job is shown
}

/**
 * Take recordings, and press the hidden button that starts their job.
 * @param {string} button its id (kikitori/page/tabs.py)
 * @param {{ path: string, name: string }[]} recordings on the server
 * @param {any[] | null} options the tab's first options, if they are not those of the direction
 */
export function take(button, recordings, options = null) {
  taken = recordings.map(({ path, name }) => asUpload(path, name));
  takenOptions = options;
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
 * The options with which recordings are taken.
 * @param {any[]} first those of the direction
 * @param {any[]} options of the tab
 */
export function optionsToTake(first, options) {
  const own = takenOptions ?? first;
  return [...own, ...options.slice(own.length)];
}

/**
 * What a tab shows and transcribes when recordings are taken: those alone.
 * @param {any[]} options of the tab
 */
export const takenInputs = (options) => [null, taken, ...options];
