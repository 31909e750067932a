// @ts-check
// What Gradio 6.17 does not do by itself. The fixes run after each change of the page, except those within rows.
import { make, onPageChange } from "./dom.js";
import { say } from "./i18n.js";
import { session } from "./session.js";

const RELOADED = "speechPageReloaded";
const RELOAD_AGAIN_AFTER_MS = 60_000;
const LOADING_GOES_ON_MS = 5_000; // how long after an error the page may still become ready by itself
const LOADING_SCREEN = ".wrap.translucent";

/** Name what a screen reader could not name, and make reachable what a keyboard could not reach. */
function fixAccessibility() {
  for (const copy of document.getElementsByClassName("tab-container visually-hidden")) {
    /** @type {HTMLElement} */ (copy).inert = true;
  }
  for (const menu of document.getElementsByClassName("overflow-menu")) {
    menu.querySelector(":scope > button")?.setAttribute("aria-label", "…");
  }
  for (const box of document.getElementsByClassName("block files")) {
    for (const button of box.querySelectorAll("[aria-dropeffect], [aria-label='common.upload']")) {
      if (button.ariaLabel === say("choose_files")) continue;
      button.ariaLabel = say("choose_files");
      button.removeAttribute("title");
    }
  }
  for (const box of document.getElementsByClassName("microphone")) {
    for (const wave of box.querySelectorAll("div")) {
      wave.shadowRoot?.querySelector("[part=scroll]")?.setAttribute("tabindex", "0");
    }
  }
}

/** Gradio writes the title in English, perhaps after this script has run. */
function translateTitle() {
  if (document.title !== say("document_title")) document.title = say("document_title");
}

/** An example has no size, and Gradio says so in English. */
function hideUnknownSize() {
  for (const cell of document.getElementsByClassName("download")) {
    for (const text of cell.querySelector("a")?.childNodes ?? []) {
      if (text.nodeValue?.includes("(size unknown)")) text.nodeValue = text.nodeValue.replace("(size unknown)", "");
    }
  }
}

/** @type {{ target?: any, panel?: any }} The element that last had the focus, and its tab. */
let focused = {};

/** The run and the stop button replace each other: move the focus from the one that disappears to the other. */
function keepFocus() {
  const { target, panel } = focused;
  if (!target?.matches("button.places") || target.checkVisibility()) return;
  if (![target, document.body].includes(document.activeElement)) return;
  const shown = [...panel.querySelectorAll("button.places")].find((button) => button.checkVisibility());
  // After a job the transcript is shown, and no button that starts another.
  (shown ?? panel.querySelector(".rows"))?.focus({ preventScroll: true });
}

/** Whether the page was once without its loading screen. Gradio gives the same classes to what covers a result. */
let isReady = false;

function noteReady() {
  isReady ||= Boolean(document.querySelector("[role=tab]")) && !document.querySelector(LOADING_SCREEN);
}

/**
 * An error while the page loads, such as a script that could not be fetched, leaves Gradio's loading screen over the
 * page for ever. Load the page again then; there is nothing yet that the visitor could lose. If that does not help,
 * say so above the loading screen.
 */
function rescueLoading() {
  noteReady();
  if (isReady) return;
  const isLongAgo = Date.now() - Number(session.get(RELOADED)) > RELOAD_AGAIN_AFTER_MS;
  // What can't be noted could be repeated for ever.
  if (isLongAgo && session.set(RELOADED, String(Date.now()))) {
    location.reload();
  } else if (!document.querySelector(".load-failed")) {
    const place = document.querySelector(".gradio-container") ?? document.body;
    place.append(make("div", { class: "speech-error load-failed", role: "alert" }, say("load_failed")));
  }
}

/**
 * Gradio ends its connection when the visitor is asked whether to leave, so that the jobs of one who stays would never
 * end. The connection of one who leaves is ended by the browser.
 */
function stayConnected() {
  const { abort } = AbortController.prototype;
  AbortController.prototype.abort = function (reason) {
    if (window.event?.type !== "beforeunload") abort.call(this, reason);
  };
}

/** Start to watch the page. */
export function watchPage() {
  stayConnected();
  document.addEventListener("focusin", ({ target }) => {
    focused = { target, panel: /** @type {Element} */ (target).closest("[role=tabpanel]") };
  });
  for (const fix of [fixAccessibility, translateTitle, hideUnknownSize]) onPageChange(fix);
  for (const fix of [noteReady, keepFocus]) onPageChange(fix, { attributeFilter: ["class"] });
  // Gradio's player leaves a sound that it was loading when another follows. That is no error.
  addEventListener("unhandledrejection", (event) => event.reason?.name === "AbortError" && event.preventDefault());
  for (const event of ["error", "unhandledrejection"]) {
    addEventListener(event, () => setTimeout(rescueLoading, LOADING_GOES_ON_MS));
  }
}
