// The list of a job's recordings.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: { incomplete: ["damaged"] }, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { isLeft, listRecordings, stopFiles, updateFiles } = await import("../../../kikitori/page/static/recordings.js");

const done = { path: "/a.wav", name: "a.wav", state: "done", sheet: 0 };
const whole = { transcript: { warnings: [] } };
const failed = { path: "/b.wav", name: "b.wav", state: "failed", error: { text: "no sound" } };

test("files come first, then what belongs to none of them", () => {
  assert.deepEqual(listRecordings([done, failed], [whole, whole]), [done, failed, { state: "done", sheet: 1 }]);
  assert.deepEqual(listRecordings([], [whole]), [{ state: "done", sheet: 0 }]);
});

test("what is done is incomplete if text may be missing", () => {
  const sheetOf = (...kinds) => ({ transcript: { warnings: kinds.map((kind) => ({ kind })) } });
  const sheets = [sheetOf("other_tracks", "damaged"), sheetOf("other_tracks"), sheetOf("damaged")];
  const states = listRecordings([done, { ...done, sheet: 1 }], sheets).map(({ state }) => state);
  assert.deepEqual(states, ["incomplete", "done", "incomplete"]);
});

test("a translation runs until its job has ended, and is stopped if only a part is there", () => {
  const part = { transcript: { warnings: [{ kind: "partial" }] } };
  const states = (growing) => listRecordings([], [whole, part], growing).map(({ state }) => state);
  assert.deepEqual(states(1), ["done", "running"]);
  assert.deepEqual(states(-1), ["done", "stopped"]);
});

test("a file that is tried again takes the place that it had", () => {
  const again = { ...failed, state: "running", sheet: 1 };
  assert.deepEqual(updateFiles([failed, done], [again]), [again, done]);
  assert.deepEqual(updateFiles([done], []), [done]);
  assert.deepEqual(updateFiles([], [again]), [again]); // the only one of its job
});

test("what was stopped or has failed is left, until a later transcript of the same recording takes it up", () => {
  const sheetOf = (sound, direction = "diarize") => ({ sound, transcript: { direction, warnings: [] } });
  const [call, other, translation] = [sheetOf("/a.wav"), sheetOf("/b.wav"), sheetOf("/a.wav", "ja2en")];
  const stopped = { state: "stopped", sheet: 0 };
  assert.ok(isLeft(stopped, [call, other, translation]));
  assert.ok(!isLeft(stopped, [call, other, call]));
  assert.ok(isLeft({ state: "stopped", sheet: 2 }, [call, other, call]));
  assert.ok(!isLeft(stopped, [sheetOf(null)])); // of a project from a file
  assert.ok(isLeft(stopped, [{ ...sheetOf(null), address: "blob:x" }]));
  assert.ok(!isLeft(done, [call]));
  assert.ok(isLeft(failed, [call]));
  for (const [state, isOne] of [
    ["stopped", true],
    ["running", false],
    ["waiting", false],
  ]) {
    assert.equal(isLeft({ state, path: "/c.wav" }, [call]), isOne);
  }
});

test("without a job, what was not done is stopped", () => {
  const states = ["done", "running", "waiting", "failed"].map((state) => ({ state }));
  assert.deepEqual(
    stopFiles(states).map(({ state }) => state),
    ["done", "stopped", "stopped", "failed"],
  );
});
