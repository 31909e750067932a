// @ts-check
// The message above the transcript: progress, the draft, an error, or that the work was stopped.
import { clock, make } from "./dom.js";
import { makeError, say } from "./i18n.js";

/**
 * How far a job has got, and how long the rest will take.
 * @param {{ done?: number, total?: number | null, left?: number | null, loading?: boolean, draft?: string[] }} value
 */
export function progressParts({ done = 0, total, left, loading, draft = [] }) {
  if (!done && !draft.length) return [say(loading ? "loading_model" : "waiting")];
  const shown = total ? say("of", clock(done), clock(total)) : clock(done);
  return left == null ? [shown] : [shown, say("left", clock(left))];
}

/**
 * Show a message.
 * @param {HTMLElement} element
 * @param {any} value {done, total, left, draft}, {loading}, {stopped}, {errors}, or nothing.
 */
export function showMessage(element, value) {
  if (!value) return element.replaceChildren();
  if (value.stopped) return element.replaceChildren(make("p", { class: "stopped", role: "status" }, say("stopped")));
  if (value.errors) {
    return element.replaceChildren(
      make("div", { class: "speech-error", role: "alert" }, ...value.errors.map(makeError)),
    );
  }
  const { done, total, draft = [] } = value;
  const parts = progressParts(value);
  const bar = make("progress", { ...(total ? { value: done, max: total } : {}), "aria-label": parts[0] });
  const isFirst = !element.childElementCount;
  const status = make("p", { class: "progress", role: "status" }, bar, make("span", {}, parts.join(" · ")));
  const lines = draft.map((/** @type {string} */ text) => make("p", { dir: "auto" }, text));
  const written = make("div", { class: "draft", hidden: !lines.length }, ...lines);
  element.replaceChildren(status, written);
  written.scrollTop = written.scrollHeight;
  // On a phone the message is below the screen when a job starts.
  if (isFirst && matchMedia("(max-width: 700px)").matches) element.scrollIntoView({ block: "start" });
}
