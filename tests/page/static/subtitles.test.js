import assert from "node:assert/strict";
import test from "node:test";
import { setText } from "../../../kikitori/page/static/sheet.js";
import { lengthOf, longest, overlaps, readingSpeed } from "../../../kikitori/page/static/subtitles.js";
import { sheetOf, turn } from "./sheets.js";

const japanese = { lines: 2, line_width: 20, columns_per_character: 2, characters_per_second: 6 };
const other = { lines: 2, line_width: 42, columns_per_character: 1, characters_per_second: 17 };

test("in Japanese, characters of half the width count half", () => {
  const lengths = ["午前、10時", "ｶﾅとカナー", "ＡＢ　…"].map((text) => lengthOf(text, japanese));
  assert.deepEqual(lengths, [5, 5, 3.5]);
});

test("in other languages, characters of full width count twice", () => {
  assert.deepEqual([lengthOf("Olá, João!", other), lengthOf("Hi 東京", other)], [10, 7]);
});

test("what a reader sees as one character counts as one", () => {
  assert.deepEqual([lengthOf("か\u3099", japanese), lengthOf("Ola\u0301", other), lengthOf("", other)], [1, 3, 0]);
  assert.equal(lengthOf("👨‍👩‍👧", other), 2);
});

test("a subtitle has all characters of its lines, and is read in the time of its row", () => {
  assert.deepEqual([japanese, other].map(longest), [40, 84]);
  assert.equal(readingSpeed(8, [4, 6]), 4);
  assert.equal(readingSpeed(1, [4, 4]), 20); // as if it had the shortest time that a row may have
});

test("the part of a row that is within earlier rows overlaps; removed ones don't count", () => {
  const spans = [
    [0, 5],
    [1, 2],
    [4, 6],
    [5.999, 8],
    [9, 10],
  ];
  const sheet = sheetOf("Japanese", ...spans.map((span) => [turn(null, "はい。"), span]));
  assert.deepEqual(overlaps(sheet), [0, 1, 1, 0, 0]); // a thousandth of a second can't be seen
  assert.deepEqual(overlaps(setText(sheet, 0, "")), [0, 0, 0, 0, 0]);
});
