// @ts-check
// Recordings that come to the page: a file may be dropped anywhere, and while a job runs, its tab takes no other one.

const WAIT_MS = 2000; // for Gradio's upload box to come back after its recording was removed

/** The left side of a tab does not react while its stop button is there, but for that button. */
function lockSources() {
  for (const side of document.querySelectorAll(".source-side")) {
    const stop = side.querySelector("button.stops");
    const isBusy = stop !== null && getComputedStyle(stop).display !== "none";
    for (const part of /** @type {NodeListOf<HTMLElement>} */ (side.querySelectorAll(":scope > :not(.places)"))) {
      if (!part.contains(stop)) part.inert = isBusy;
    }
    const call = side.parentElement?.querySelector("button.translates");
    if (call) /** @type {HTMLElement} */ (call).inert = isBusy;
  }
}

/** @param {DragEvent} event */
const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/**
 * Give files to the upload box of the open tab.
 * @param {FileList} files
 */
async function upload(files) {
  const side = [...document.querySelectorAll(".source-side")].find((one) => one.checkVisibility());
  if (!side || side.querySelector(":scope > [inert]")) return; // a job runs
  if (files.length > 1) openSeveral(side);
  else /** @type {HTMLElement | null} */ (side.querySelector(".recording button[aria-label=Clear]"))?.click();
  const input = await awaited(() =>
    side.querySelector(`${files.length > 1 ? ".several" : ".recording"} input[type=file]`),
  );
  if (!input) return;
  /** @type {HTMLInputElement} */ (input).files = files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** @param {Element} side */
function openSeveral(side) {
  const label = side.querySelector(".several > button");
  if (label && !label.classList.contains("open")) /** @type {HTMLElement} */ (label).click();
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

/** Start to watch the page. */
export function watchIntake() {
  new MutationObserver(lockSources).observe(document.documentElement, {
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
    if (files.length) upload(files);
  });
}
