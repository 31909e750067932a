// @ts-check
// What the page's components call (kikitori/page/tabs.py): the functions in `speechPage`.
import { showComparison } from "./comparison.js";
import { showExamples } from "./examples.js";
import { watchPage } from "./gradio_fixes.js";
import { watchIntake } from "./intake.js";
import { Live } from "./live.js";
import { showMessage } from "./message.js";
import { asUpload, optionsToTake, takenInputs } from "./offers.js";
import { keepOneSound } from "./sounds.js";
import { Store } from "./store.js";
import { noteTab, reopenTab } from "./tabs.js";
import { View } from "./view.js";
import { uploaded } from "./uploads.js";
import { shownView, views } from "./views.js";

const store = new Store();

/** @type {Live | null} The Live tab, once it is there. */
let live = null;

/**
 * Return all that a tab shows, with the visitor's changes, but without the outlines of sounds, which Python has no use
 * for. The component's value may hold only the newest part of it.
 * @param {string} tab
 */
function shown(tab) {
  const whole = shownView(tab)?.whole();
  return whole ? { ...whole, sheets: whole.sheets.map((/** @type {any} */ { peaks, ...sheet }) => sheet) } : null;
}

/**
 * A job of recordings that were chosen begins. Those that are left are transcribed later in the same way.
 * @param {string} tab
 * @param {any[]} inputs microphone, files, the tab's options, and how many recordings stay
 */
function begun(tab, inputs) {
  const view = shownView(tab);
  if (view) view.options = inputs.slice(2, -1);
  return inputs;
}

/** @param {(element: HTMLElement, value: any) => void} show */
const mount = (show) => (/** @type {any} */ element, /** @type {any} */ props, /** @type {any} */ watch) => {
  const update = () => show(element, props.value);
  watch("value", update);
  update();
};

/** @type {any} */ (window).speechPage = {
  views,
  shown,
  begun,
  taken: (/** @type {string} */ tab, /** @type {any[]} */ first, /** @type {any[]} */ options) =>
    begun(tab, takenInputs(optionsToTake(first, options))),
  retried(/** @type {string} */ tab, /** @type {any[]} */ inputs) {
    const view = shownView(tab);
    return [...takenInputs(view?.recordings.optionsOf(inputs.slice(0, -1))), view?.sheets.length ?? 0];
  },
  // The call that is shown is translated, also one that was transcribed before the page was loaded again.
  async translated(/** @type {string} */ tab) {
    const view = shownView(tab);
    const path = view?.sheet ? await uploaded(view, view.sheet) : null;
    return [null, path ? [asUpload(path, view.sheet.transcript.audio)] : null, shown(tab)];
  },
  compared(/** @type {string} */ tab, /** @type {string} */ reference) {
    return [shown(tab), shownView(tab)?.reference.begin() ?? reference];
  },
  opened(/** @type {string} */ tab) {
    noteTab(tab);
    if (tab === "live") live?.open();
    shownView(tab)?.projects.show();
  },
  mountMessage: mount(showMessage),
  mountComparison(
    /** @type {any} */ element,
    /** @type {any} */ props,
    /** @type {any} */ watch,
    /** @type {string} */ tab,
  ) {
    const show = (/** @type {HTMLElement} */ place, /** @type {any} */ value) => {
      showComparison(place, value, shownView(tab)?.sheet);
      shownView(tab)?.reference.check();
    };
    mount(show)(element, props, watch);
  },
  mountLive: (/** @type {HTMLElement} */ element, /** @type {any} */ props) => (live = new Live(element, props.value)),
  mountExamples: (/** @type {HTMLElement} */ element, /** @type {any} */ props) => showExamples(element, props.value),
  mountView(
    /** @type {any} */ element,
    /** @type {any} */ props,
    /** @type {any} */ server,
    /** @type {any} */ watch,
    /** @type {string} */ tab,
  ) {
    const view = new View(element, props, server, tab, store);
    views.push(view);
    watch("value", () => view.show());
    if (views.length === 1) reopenTab(); // Gradio makes the other tabs when they are opened
  },
  // After a job that failed. One that is stopped while it waits counts as failed; its message already says so.
  ended: (/** @type {any[]} */ buttons) => (/** @type {any} */ message) => [
    message?.stopped ? message : null,
    { running: false },
    ...buttons,
  ],
};

/** Keep what the visitor has made, before the page is gone. */
function keepAll() {
  views.forEach((view) => view.keeper.saveNow());
  live?.keepNow();
}
addEventListener("pagehide", keepAll);
keepOneSound();
watchPage();
watchIntake(views);
document.addEventListener("input", ({ target }) => {
  const panel = /** @type {Element} */ (target).closest(".reference")?.closest("[role=tabpanel]");
  views.find((view) => panel?.contains(view.element))?.reference.type();
});
// Closing the page would stop its jobs. What is stored now is complete before the page is gone.
addEventListener("beforeunload", (event) => {
  keepAll();
  if (live?.recording || views.some((view) => view.isBusy)) event.preventDefault();
});
