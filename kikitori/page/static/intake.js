// @ts-check
// Recordings that come to the page: a file may be dropped anywhere, and while a job runs, its tab takes no other one.

const WAIT_MS = 2000; // for Gradio's upload box to come back after its recording was removed

/** What starts a job does not react while one waits or runs, which is while the tab's stop button is there. */
function lockStarts() {
  for (const name of ["start", "examples", "with-transcript"]) {
    // This runs after each change of the page. By their class, browsers find elements without a walk through all rows.
    for (const part of /** @type {HTMLCollectionOf<HTMLElement>} */ (document.getElementsByClassName(name))) {
      const stop = part.closest("[role=tabpanel]")?.getElementsByClassName("stops")[0];
      part.inert = stop !== undefined && getComputedStyle(stop).display !== "none";
    }
  }
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/**
 * Give files to the upload box of the open tab.
 * @param {FileList} files
 * @param {(panel: Element) => Promise<boolean | undefined>} leave
 */
async function upload(files, leave) {
  const panel = [...document.querySelectorAll("[role=tabpanel]")].find((one) => one.checkVisibility());
  const start = panel?.querySelector(".start");
  if (!panel || !start || start.matches("[inert]")) return; // a job runs
  if ((await leave(panel)) === false) return;
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
 * @param {(panel: Element) => Promise<boolean | undefined>} leave makes a tab show its start instead of a transcript
 */
export function watchIntake(leave) {
  new MutationObserver(lockStarts).observe(document.documentElement, {
    childList: true,
    subtree: true,
    attributeFilter: ["class"],
  });
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  // Without this a browser opens the file in place of the page.
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !hasFiles(event)) return;
    event.preventDefault();
    const { files } = /** @type {DataTransfer} */ (event.dataTransfer);
    if (files.length) upload(files, leave);
  });
}
