// @ts-check
// The views of the page's tabs. Gradio makes one when its tab is opened for the first time.

const VIEW_COMES_MS = 50;

/** @type {any[]} */
export const views = [];

/** @param {string} tab */
export const shownView = (tab) => views.findLast((view) => view.tab === tab);

/**
 * The view of a tab that is open, or being opened.
 * @param {string} tab
 * @returns {Promise<any>}
 */
export async function viewOf(tab) {
  while (!shownView(tab)) await new Promise((resolve) => setTimeout(resolve, VIEW_COMES_MS));
  return shownView(tab);
}
