// @ts-check
// The panel of a tab shows the tab's start, or a transcript in its place. CSS asks for `data-state` and `data-direction`.
import { pauseSound } from "./sounds.js";
import { pageBody } from "./toast.js";

/**
 * Let a tab show its start or a transcript. What sounds is paused when that changes: its player is hidden.
 * @param {HTMLElement} element in the tab
 * @param {"start" | "transcript"} state
 * @param {string} direction of the transcript; "" for none
 */
export function showState(element, state, direction) {
  const panel = /** @type {HTMLElement | null} */ (element.closest("[role=tabpanel]"));
  if (!panel) return;
  panel.dataset.direction = direction;
  if (panel.dataset.state === state) return;
  if (panel.dataset.state) pauseSound();
  panel.dataset.state = state;
  // CSS could ask with `:has`, but browsers would then search the whole page with each key.
  const hasTranscript = document.querySelector("[data-state=transcript]") !== null;
  pageBody().toggleAttribute("data-has-transcript", hasTranscript);
}
