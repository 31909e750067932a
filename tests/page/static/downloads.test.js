// What is sent to be written into a file.
import assert from "node:assert/strict";
import test from "node:test";
import { setSource, setText } from "../../../kikitori/page/static/sheet.js";
import { sheetOf, translation, turn } from "./sheets.js";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { sentSheet } = await import("../../../kikitori/page/static/downloads.js");

/** The texts and the times that are sent. */
function sent(sheet) {
  const { transcript, times } = sentSheet({ ...sheet, speakers: [] }, "call");
  return [transcript.turns.map(({ text, source }) => text || source), times];
}

test("a row whose translation was emptied is saved with its original, and one without any text is not", () => {
  const emptied = setText(translation(), 1, "");
  assert.deepEqual(sent(emptied)[0].at(-1), "Yes, how many of you?");
  assert.equal(sent(setSource(emptied, 1, ""))[0].length, 1);
});

test("files are in order of time, also those of a project that is not", () => {
  const sheet = sheetOf("Japanese", [turn(null, "はい。"), [5, 6]], [turn(null, "もしもし。"), [0, 5]]);
  assert.deepEqual(sent(sheet), [
    ["もしもし。", "はい。"],
    [
      [0, 5],
      [5, 6],
    ],
  ]);
});
