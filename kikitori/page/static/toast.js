// @ts-check
// A sentence that appears over the page for a while.
import { make } from "./dom.js";

const TOAST_MS = 8000;

/** The part of the page that messages.css is about. */
export const pageBody = () => document.querySelector(".gradio-container") ?? document.body;

/**
 * Say something that belongs to no part of the page.
 * @param {string} sentence
 */
export function toast(sentence) {
  const element = make("div", { class: "speech-toast speech-warning", role: "alert" }, sentence);
  pageBody().append(element);
  setTimeout(() => element.remove(), TOAST_MS);
}
