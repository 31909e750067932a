// What the tools remember of a transcript that is changed.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { placeAfter } = await import("../../../kikitori/page/static/tools.js");

test("the unsure word that was shown last stays that of its row", () => {
  const [a, b, c, other, more] = Array.from("abcde", (text) => ({ text }));
  const place = { turn: 1, from: 4 };
  assert.deepEqual(placeAfter(place, [a, b, c], [a, other, c]), place); // its row was typed in
  assert.deepEqual(placeAfter(place, [a, b, c], [b, a, c]), { turn: 0, from: 4 });
  assert.deepEqual(placeAfter(place, [a, b, c], [other, more, b, c]), { turn: 2, from: 4 }); // one above was split
  assert.equal(placeAfter(place, [a, b, c], [a, other, more, c]), null); // it was split itself
  assert.equal(placeAfter(place, [a, b, c], [a, c, other]), null); // its times were moved behind another
});
