// @ts-check
// The page's tabs (kikitori/page/tab.py). The one in use is opened again after a reload.
import { press } from "./dom.js";
import { PAGE_TABS } from "./i18n.js";
import { session } from "./session.js";

const TAB_IN_USE = "kikitori-tab";

/** The tab that was in use before the page was loaded again; null at the first visit. */
const tabBefore = session.get(TAB_IN_USE);

/** @param {string} tab */
export const tabName = (tab) => PAGE_TABS[tab].name;

/**
 * The tab of a direction; none for an unknown one.
 * @param {string} direction
 * @returns {string | undefined}
 */
export const tabOf = (direction) => Object.keys(PAGE_TABS).find((tab) => PAGE_TABS[tab].directions.includes(direction));

/** @param {string} tab */
export const openTab = (tab) => press(`${PAGE_TABS[tab].panel}-button`);

/** @param {string} tab that the visitor has opened */
export const noteTab = (tab) => session.set(TAB_IN_USE, tab);

/** Open the tab that was in use. */
export function reopenTab() {
  if (tabBefore && Object.hasOwn(PAGE_TABS, tabBefore)) openTab(tabBefore);
}

/**
 * How many entries each tab has that has any, in the page's order.
 * @param {{ tab: string }[]} entries
 * @returns {Map<string, number>}
 */
export function countByTab(entries) {
  const counts = Object.keys(PAGE_TABS).map((key) => [key, entries.filter(({ tab }) => tab === key).length]);
  return new Map(/** @type {[string, number][]} */ (counts).filter(([, count]) => count));
}
