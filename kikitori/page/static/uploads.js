// @ts-check
// Recordings that the server reads again. One that it has deleted is sent once more, if this browser has kept it.
import { fileAddress, routeAddress } from "./dom.js";

/**
 * The server's path of a sheet's recording.
 * @param {{ sound: string | null, address?: string, transcript: any }} sheet
 * @returns {Promise<string | null>} null if nobody has the recording, or the server does not answer
 */
export async function uploadedPath({ sound, address, transcript }) {
  try {
    if (sound && (await fetch(fileAddress(sound), { method: "HEAD" })).ok) return sound;
    return address ? await sendAgain(address, transcript.audio) : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} address of a sound in this browser
 * @param {string} name
 * @returns {Promise<string>} its path on the server
 */
async function sendAgain(address, name) {
  return sendSound(await (await fetch(address)).blob(), name);
}

/**
 * Send a sound.
 * @param {Blob} sound
 * @param {string} name
 * @returns {Promise<string>} its path on the server
 */
export async function sendSound(sound, name) {
  const form = new FormData();
  form.append("files", sound, name);
  const response = await fetch(routeAddress("upload"), { method: "POST", body: form });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return (await response.json())[0];
}

/**
 * The same, for a view's sheet. The project notes where a recording is that was sent again.
 * @param {any} view
 * @param {any} sheet
 * @returns {Promise<string | null>}
 */
export async function uploaded(view, sheet) {
  const path = await uploadedPath(sheet);
  const { sound } = sheet;
  if (!path || path === sound) return path;
  const isOfIt = (/** @type {any} */ one) => one === sheet || (sound && one.sound === sound);
  view.sheets = view.sheets.map((/** @type {any} */ one) => (isOfIt(one) ? { ...one, sound: path } : one));
  view.files = view.files.map((/** @type {any} */ file) => (file.path === sound ? { ...file, path } : file));
  view.keeper.saveSoon(false);
  return path;
}
