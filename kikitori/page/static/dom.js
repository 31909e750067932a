// @ts-check
// Elements, times and addresses.

const BUTTON_COMES_MS = 50;

/**
 * Make an element. Strings become text nodes, never HTML: a model or a visitor wrote them.
 * @param {string} tag
 * @param {Record<string, any>} attributes `on…` adds a listener; false and null add nothing.
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/**
 * A time as a clock shows it: 0:05, 12:30, 1:02:03.
 * @param {number} seconds
 */
export function clock(seconds) {
  const [hours, minutes, rest] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  const padded = (/** @type {number} */ number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

/**
 * The same with tenths: 0:05.3.
 * @param {number} seconds
 */
export function preciseClock(seconds) {
  const tenths = Math.round(10 * seconds);
  return `${clock(tenths / 10)}.${tenths % 10}`;
}

/**
 * The address of one of Gradio's own routes.
 * @param {string} route
 */
export function routeAddress(route) {
  const { root = "", api_prefix = "/gradio_api" } = /** @type {any} */ (window).gradio_config ?? {};
  return `${root}${api_prefix}/${route}`;
}

/**
 * The address of a file in Gradio's cache.
 * @param {string} path
 */
export const fileAddress = (path) => routeAddress(`file=${path.split("/").map(encodeURIComponent).join("/")}`);

/**
 * Remove white space at both ends: what JavaScript's trim removes, and what Python's strip removes.
 * @param {string} text
 */
export function strip(text) {
  // eslint-disable-next-line no-control-regex -- Python counts them as white space
  return text.replace(/^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g, "");
}

/**
 * Call a function after each change of the page, except those within a transcript's rows: a key changes them, and a
 * search through the page of a long transcript takes longer than a key may.
 * @param {() => void} react
 * @param {MutationObserverInit} more what else is a change, besides elements that come and go
 */
export function onPageChange(react, more = {}) {
  const isInRows = (/** @type {MutationRecord} */ { target }) => /** @type {Element} */ (target).closest(".rows");
  new MutationObserver((changes) => {
    if (!changes.every(isInRows)) react();
  }).observe(document.documentElement, { childList: true, subtree: true, ...more });
}

/**
 * Press a button, which Gradio makes when its tab is opened for the first time.
 * @param {string} id
 */
export function press(id) {
  const button = document.getElementById(id);
  if (button) button.click();
  else setTimeout(press, BUTTON_COMES_MS, id);
}
