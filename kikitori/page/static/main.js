// @ts-check
// What the page's components call (kikitori/page/tabs.py): the functions in `speechPage`.
import { showComparison } from "./comparison.js";
import { watchPage } from "./gradio_fixes.js";
import { showMessage } from "./message.js";
import { movedInputs } from "./offers.js";
import { keepOneSound } from "./sounds.js";
import { View } from "./view.js";

/** @type {View[]} */
const views = [];

/**
 * Return all that a view shows. The component's value may hold only the newest part of it.
 * @param {any} value
 */
function whole(value) {
  return value?.append ? (views.find((view) => view.job === value.job)?.whole() ?? null) : value;
}

/** @param {(element: HTMLElement, value: any) => void} show */
const mount = (show) => (/** @type {any} */ element, /** @type {any} */ props, /** @type {any} */ watch) => {
  const update = () => show(element, props.value);
  watch("value", update);
  update();
};

/** @type {any} */ (window).speechPage = {
  views,
  whole,
  moved: movedInputs,
  mountMessage: mount(showMessage),
  mountComparison: mount(showComparison),
  mountView(/** @type {any} */ element, /** @type {any} */ props, /** @type {any} */ server, /** @type {any} */ watch) {
    const view = new View(element, props, server);
    views.push(view);
    watch("value", () => view.show());
  },
  // After a job that failed. One that is stopped while it waits counts as failed; its message already says so.
  ended: (/** @type {any[]} */ buttons) => (/** @type {any} */ message, /** @type {any} */ value) => {
    const view = whole(value);
    return [message?.stopped ? message : null, view && { ...view, running: false }, ...buttons];
  },
};
keepOneSound();
watchPage();
