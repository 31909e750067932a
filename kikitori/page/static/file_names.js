// @ts-check
// Names of saved files: they say the language where it is not the spoken one, and no two sheets have the same.

/** What Gradio calls a recording from the microphone. */
const RECORDED = /^audio\.(wav|webm)$/;

/**
 * The visitor's local time as a part of a name: 2026-11-24-1545.
 * @param {Date} date
 */
export function timeStamp(date) {
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes()];
  const [month, day, hours, minutes] = parts.map((part) => String(part).padStart(2, "0"));
  return `${date.getFullYear()}-${month}-${day}-${hours}${minutes}`;
}

/**
 * The name of a sheet's recording. One from the microphone is named after the time at which its job began.
 * @param {any} sheet
 * @returns {string}
 */
export function audioName({ begun, transcript: { audio } }) {
  return RECORDED.test(audio) ? `recording-${timeStamp(new Date(begun))}.wav` : audio;
}

/**
 * How many recordings sheets are of. A translation has that of its call.
 * @param {any[]} sheets
 */
export const countRecordings = (sheets) =>
  new Set(sheets.map(({ sound, transcript }) => sound ?? transcript.audio)).size;

/** @param {any} sheet */
export const hasSource = ({ transcript }) => transcript.turns.some((/** @type {any} */ turn) => turn.source);

/**
 * The languages in a sheet's file, as they stand in its name: none if it is only what was spoken.
 * @param {any} sheet
 * @param {string} texts original, translation or both
 */
function languagePart(sheet, texts) {
  const [spoken, written] = sheet.transcript.direction.split("2"); // en2ja, ja2en
  if (!written) return "";
  if (texts === "translation" || !hasSource(sheet)) return `.${written}`;
  return texts === "both" ? `.${written}-${spoken}` : `.${spoken}`;
}

/**
 * The name of each sheet's file without its suffix.
 * @param {any[]} sheets
 * @param {string} texts original, translation or both
 * @returns {string[]}
 */
export function fileStems(sheets, texts) {
  const taken = new Set();
  return sheets.map((sheet) => {
    const stem = audioName(sheet).replace(/(?<=.)\.[^.]*$/, "") + languagePart(sheet, texts);
    let name = stem;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = `${stem}-${number}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
