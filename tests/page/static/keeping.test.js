// What the list of projects says of one.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { describe } = await import("../../../kikitori/page/static/keeping.js");

const sheetOf = (audio, seconds, kinds = []) => ({
  sound: `/${audio}`,
  transcript: { audio, direction: "pt", duration_seconds: seconds, warnings: kinds.map((kind) => ({ kind })) },
});
const stopped = sheetOf("a.wav", 48, ["partial"]);

test("a recording that was gone on with is as long as its longest transcript", () => {
  const one = { name: "a.wav", more: 0 };
  assert.deepEqual(describe([stopped], []), { ...one, seconds: 48, isStopped: true });
  assert.deepEqual(describe([stopped, sheetOf("a.wav", 418)], []), { ...one, seconds: 418, isStopped: false });
});

test("recordings that have no transcript yet count", () => {
  const files = ["a", "b"].map((name) => ({ path: `/${name}.wav`, name: `${name}.wav`, state: "waiting" }));
  const begun = [{ ...files[0], state: "done", sheet: 0 }, files[1]];
  const expected = { name: "a.wav", seconds: 9, more: 1, isStopped: true };
  assert.deepEqual(describe([sheetOf("a.wav", 9)], begun), expected);
});
