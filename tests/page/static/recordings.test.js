// The list of a job's recordings.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { listRecordings, updateFiles } = await import("../../../kikitori/page/static/recordings.js");

const done = { path: "/a.wav", name: "a.wav", state: "done", sheet: 0 };
const failed = { path: "/b.wav", name: "b.wav", state: "failed", error: { text: "no sound" } };

test("files come first, then what belongs to none of them", () => {
  assert.deepEqual(listRecordings([done, failed], [{}, {}]), [done, failed, { state: "done", sheet: 1 }]);
  assert.deepEqual(listRecordings([], [{}]), [{ state: "done", sheet: 0 }]);
});

test("a file that is tried again takes the place that it had", () => {
  const again = { ...failed, state: "running", sheet: 1 };
  assert.deepEqual(updateFiles([failed, done], [again]), [again, done]);
  assert.deepEqual(updateFiles([done], []), [done]);
});
