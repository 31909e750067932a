// @ts-check
// The rows of a transcript as lists. A long transcript has many: browsers lay out only those that are in sight.
import { make } from "./dom.js";

const LONG_ROWS = 200; // up to here, all rows are one list
const PART_ROWS = 50;

/**
 * Cut the rows of a long transcript into parts.
 * @template Part
 * @param {Part[]} rows
 * @returns {Part[][]}
 */
export function cutRows(rows) {
  if (rows.length <= LONG_ROWS) return [rows];
  const count = Math.ceil(rows.length / PART_ROWS);
  return Array.from({ length: count }, (_, number) => rows.slice(number * PART_ROWS, (number + 1) * PART_ROWS));
}

/**
 * Make an element hold lists that hold these rows; those that are in their place are not touched.
 * @param {HTMLElement} element
 * @param {HTMLElement[]} rows
 */
export function placeRows(element, rows) {
  const parts = cutRows(rows);
  while (element.children.length > parts.length) element.lastElementChild?.remove();
  while (element.children.length < parts.length) element.append(make("ol"));
  element.classList.toggle("long", parts.length > 1);
  parts.forEach((part, number) => placePart(/** @type {HTMLElement} */ (element.children[number]), part));
}

/**
 * @param {HTMLElement} list
 * @param {HTMLElement[]} rows
 */
function placePart(list, rows) {
  list.style.setProperty("--rows", String(rows.length));
  const wanted = new Set(rows);
  for (const child of /** @type {HTMLElement[]} */ ([...list.children])) if (!wanted.has(child)) child.remove();
  let next = list.firstElementChild;
  for (const row of rows) {
    if (row === next) next = next.nextElementSibling;
    else list.insertBefore(row, next);
  }
}
