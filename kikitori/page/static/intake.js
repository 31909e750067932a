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
  if (view.isBusy) return toast(say("busy_drop"));
  const recordings = recordingsIn(files);
  if (recordings.length && (await view.keeper.close())) await fillBox(recordings, view);
}

/**
 * The files that are audio or video. If there are others, the page names the first. Gradio's box has the same rule, but
 * its sentence is in English, and is lost now and then.
 * @param {FileList} files
 */
function recordingsIn(files) {
  const taken = new DataTransfer();
  const others = [];
  for (const file of files) {
    if (/^(audio|video)\//.test(file.type)) taken.items.add(file);
    else others.push(file.name);
  }
  if (others.length) toast(`${others[0]}: ${say("wrong_type")}`);
  return taken.files;
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
 * Recordings that are chosen go to Gradio's box; with the button over a list of files, they take their place.
 * @param {() => any} openView finds the view of the open tab
 */
function watchChoices(openView) {
  const take = (/** @type {Event} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (!input.files?.length || !input.closest(".start .files")) return;
    const recordings = recordingsIn(input.files);
    if (!input.closest(OVER_FILES) && recordings.length === input.files.length) return; // Gradio takes them
    event.stopPropagation();
    input.value = ""; // so that the same choice is a change again
    if (recordings.length) fillBox(recordings, openView());
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
    hint.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault(); // without this a browser opens the file in place of the page
    event.stopPropagation();
    takeFiles(/** @type {DataTransfer} */ (event.dataTransfer).files, openView());
  };
  // Before Gradio's box, which takes no project, and the button over its list, which would add to it.
  document.addEventListener("drop", take, true);
}
