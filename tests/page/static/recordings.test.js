// The list of a job's recordings.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { listRecordings, stopFiles, updateFiles } = await import("../../../kikitori/page/static/recordings.js");

const done = { path: "/a.wav", name: "a.wav", state: "done", sheet: 0 };
const whole = { transcript: { warnings: [] } };
const failed = { path: "/b.wav", name: "b.wav", state: "failed", error: { text: "no sound" } };

test("files come first, then what belongs to none of them", () => {
  assert.deepEqual(listRecordings([done, failed], [whole, whole]), [done, failed, { state: "done", sheet: 1 }]);
  assert.deepEqual(listRecordings([], [whole]), [{ state: "done", sheet: 0 }]);
});

test("a translation runs until its job has ended, and is stopped if only a part is there", () => {
  const part = { transcript: { warnings: [{ kind: "partial" }] } };
  const states = (running) => listRecordings([], [whole, part], running).map(({ state }) => state);
  assert.deepEqual(states(true), ["done", "running"]);
  assert.deepEqual(states(false), ["done", "stopped"]);
});

test("a file that is tried again takes the place that it had", () => {
  const again = { ...failed, state: "running", sheet: 1 };
  assert.deepEqual(updateFiles([failed, done], [again]), [again, done]);
  assert.deepEqual(updateFiles([done], []), [done]);
});

test("without a job, what was not done is stopped", () => {
  const states = ["done", "running", "waiting", "failed"].map((state) => ({ state }));
  assert.deepEqual(
    stopFiles(states).map(({ state }) => state),
    ["done", "stopped", "stopped", "failed"],
  );
});
