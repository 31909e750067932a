// @ts-check
// Files that come to the page: one may be dropped anywhere, and while a job runs, its tab takes no other one.
import { make, onPageChange } from "./dom.js";
import { say } from "./i18n.js";
import { pageBody, toast } from "./toast.js";

const WAIT_MS = 2000; // for Gradio's upload box to come back after its recording was removed

/**
 * What starts a job does not react while one waits or runs, which is while the tab's stop button is there.
 * @param {any[]} views
 */
function lockStarts(views) {
  for (const name of ["start", "examples", "with-transcript"]) {
    for (const part of /** @type {HTMLCollectionOf<HTMLElement>} */ (document.getElementsByClassName(name))) {
      part.inert = hasJob(part);
    }
  }
  for (const view of views) view.noteJob(hasJob(view.element));
}

/** @param {HTMLElement} part of a tab */
function hasJob(part) {
  const stop = part.closest("[role=tabpanel]")?.getElementsByClassName("stops")[0];
  return stop !== undefined && getComputedStyle(stop).display !== "none";
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/** @param {FileList} files */
const isProject = (files) => files.length === 1 && files[0].name.toLowerCase().endsWith(".json");

/**
 * Take files that were dropped: open a project, or give recordings to the upload box. If one is neither, nothing is
 * taken, and what is shown stays.
 * @param {FileList} files
 * @param {any} view of the open tab
 */
async function takeFiles(files, view) {
  if (!view || !files.length) return;
  if (isProject(files)) return view.projects.read(files[0]);
  const wrong = [...files].find(({ type }) => type && !/^(audio|video)\//.test(type));
  if (wrong) return toast(`${wrong.name}: ${say("wrong_type")}`);
  if (view.isBusy) return toast(say("busy_drop"));
  if (await view.keeper.close()) await upload(files, view.element.closest("[role=tabpanel]").querySelector(".start"));
}

/**
 * Give files to an upload box, in place of those that it has.
 * @param {FileList} files
 * @param {HTMLElement} start of a tab
 */
async function upload(files, start) {
  // Gradio's last button over a list of files. Its label is in the visitor's language.
  const clear = () =>
    /** @type {HTMLElement[]} */ ([...start.querySelectorAll(".files .icon-button-wrapper button")]).at(-1);
  clear()?.click();
  const input = await awaited(() => (clear() ? null : start.querySelector(".files input[type=file]")));
  if (!input) return;
  /** @type {HTMLInputElement} */ (input).files = files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/**
 * @template Found
 * @param {() => Found | null} find
 * @returns {Promise<Found | null>} what is found in time
 */
async function awaited(find) {
  const end = Date.now() + WAIT_MS;
  while (!find() && Date.now() < end) await new Promise(requestAnimationFrame);
  return find();
}

/**
 * Start to watch the page.
 * @param {any[]} views
 */
export function watchIntake(views) {
  onPageChange(() => lockStarts(views), { attributeFilter: ["class"] });
  watchDrops(() => views.find((view) => view.element.closest("[role=tabpanel]")?.checkVisibility()));
}

/** @param {() => any} openView finds the view of the open tab */
function watchDrops(openView) {
  const hint = make("div", { class: "drop-hint", hidden: true }, say("drop_here"));
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    if (!hint.isConnected) pageBody().append(hint);
    hint.hidden = openView()?.isBusy ?? true; // the Live tab takes no files
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) hint.hidden = true; // the pointer has left the page
  });
  const take = (/** @type {DragEvent} */ event) => {
    event.preventDefault(); // without this a browser opens the file in place of the page
    takeFiles(/** @type {DataTransfer} */ (event.dataTransfer).files, openView());
  };
  // Before Gradio's box, which takes no project.
  const takeProject = (/** @type {DragEvent} */ event) => {
    hint.hidden = true;
    if (!hasFiles(event) || !isProject(/** @type {DataTransfer} */ (event.dataTransfer).files)) return;
    event.stopPropagation();
    take(event);
  };
  document.addEventListener("drop", takeProject, true);
  document.addEventListener("drop", (event) => {
    if (!event.defaultPrevented && hasFiles(event)) take(event);
  });
}
