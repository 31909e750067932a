// @ts-check
// Files that come to the page: one may be dropped anywhere, and while a job runs, its tab takes no other one.
import { make, onPageChange } from "./dom.js";
import { fillBox } from "./file_box.js";
import { say } from "./i18n.js";
import { pageBody, toast } from "./toast.js";

/** Gradio's buttons over a list of files. */
const OVER_FILES = ".start .files .icon-button-wrapper";

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
  if (hasWrongType(files)) return;
  if (view.isBusy) return toast(say("busy_drop"));
  if (await view.keeper.close()) await fillBox(files, view);
}

/**
 * Whether one of the files is neither audio nor video, which the page then says.
 * @param {FileList} files
 */
function hasWrongType(files) {
  const wrong = [...files].find(({ type }) => type && !/^(audio|video)\//.test(type));
  if (wrong) toast(`${wrong.name}: ${say("wrong_type")}`);
  return wrong !== undefined;
}

/**
 * Start to watch the page.
 * @param {any[]} views
 */
export function watchIntake(views) {
  onPageChange(() => lockStarts(views), { attributeFilter: ["class"] });
  const openView = () => views.find((view) => view.element.closest("[role=tabpanel]")?.checkVisibility());
  watchDrops(openView);
  watchChoices(openView);
}

/**
 * What is chosen with the button over a list of files takes their place.
 * @param {() => any} openView finds the view of the open tab
 */
function watchChoices(openView) {
  const take = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (!input.files?.length || !input.closest(OVER_FILES)) return;
    event.stopPropagation();
    if (!hasWrongType(input.files)) fillBox(input.files, openView());
  };
  document.addEventListener("change", take, true); // before Gradio
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
  // Before Gradio's box, which takes no project, and the button over its list, which would add to it.
  const takeFirst = (/** @type {DragEvent} */ event) => {
    hint.hidden = true;
    if (!hasFiles(event)) return;
    const isOverFiles = /** @type {Element} */ (event.target).closest(OVER_FILES);
    if (!isOverFiles && !isProject(/** @type {DataTransfer} */ (event.dataTransfer).files)) return;
    event.stopPropagation();
    take(event);
  };
  document.addEventListener("drop", takeFirst, true);
  document.addEventListener("drop", (event) => {
    if (!event.defaultPrevented && hasFiles(event)) take(event);
  });
}
