// What the message above a transcript says of a job.
import assert from "node:assert";
import test from "node:test";

const texts = { loading_model: "loading", waiting: "waiting", of: "{0} of {1}", left: "{0} left" };
globalThis.speechTexts = { en: texts };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { progressParts } = await import("../../../kikitori/page/static/message.js");

test("the first message says whether the model is being loaded", () => {
  assert.deepEqual(progressParts({ done: 0, total: 60, left: null, loading: true }), ["loading"]);
  assert.deepEqual(progressParts({ loading: true }), ["loading"]);
  assert.deepEqual(progressParts({ done: 0, total: 60, left: null }), ["waiting"]);
});

test("what is written already is not waited for", () => {
  assert.deepEqual(progressParts({ done: 0, total: 60, left: null, draft: ["Bom dia"] }), ["0:00 of 1:00"]);
});

test("later ones say how much is done and what is left, as far as it is known", () => {
  assert.deepEqual(progressParts({ done: 5, total: 60, left: 110 }), ["0:05 of 1:00", "1:50 left"]);
  assert.deepEqual(progressParts({ done: 5, total: null, left: null }), ["0:05"]);
});
