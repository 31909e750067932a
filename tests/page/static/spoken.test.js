import assert from "node:assert/strict";
import test from "node:test";
import { lastBefore, placeAt, talkTimes, timeInText, timeOf, turnAt } from "../../../kikitori/page/static/spoken.js";

const word = (text, start_seconds, end_seconds) => ({ text, start_seconds, end_seconds });
const timed = { text: "🍜 Bom dia", words: [word("🍜", 1, 2), word(" Bom", 2, 4), word(" dia", 5, 6)] };
const sheet = {
  transcript: {
    turns: [timed, { text: "はい。", words: [] }, { text: "", words: [] }, { text: "もしもし", words: [] }],
  },
  times: [
    [1, 6],
    [8, 11],
    [8, 20],
    [10, 14],
  ],
};

test("a place in a text leads to the start of its word, or of its turn if its words have no times", () => {
  const times = (turn, ...places) => places.map((from) => timeOf(sheet, { turn, from }));
  assert.deepEqual(times(0, 0, 1, 4, 5, 8), [1, 2, 2, 5, 5]);
  assert.deepEqual(times(0, 9), [1]); // behind the last word
  assert.deepEqual(times(1, 0, 2), [8, 8]);
});

test("a place within a word has a time by its share of the word's letters, without the space before them", () => {
  const times = [0, 1, 2, 3, 5, 7].map((place) => timeInText(timed, place, [1, 6]));
  const rounded = times.map((seconds) => Number(seconds.toFixed(3)));
  assert.deepEqual(rounded, [1, 2, 2, 2.667, 5, 5.333]);
});

test("without times of words, a place has a time by its share of the text", () => {
  assert.equal(timeInText(sheet.transcript.turns[3], 1, [10, 14]), 11);
});

test("at a time, the last turn with text that holds it is heard, and none in a pause", () => {
  assert.deepEqual(
    [0, 1, 5.9, 6, 9, 10.5, 13.9, 14].map((seconds) => turnAt(sheet, seconds)),
    [-1, 0, 0, -1, 1, 3, 3, -1],
  );
});

test("in a pause, the last turn with text is the one that began before", () => {
  assert.deepEqual(
    [0, 7, 9, 100].map((seconds) => lastBefore(sheet, seconds)),
    [-1, 0, 1, 3],
  );
});

test("a time leads to the first letter of the word that is heard, or was heard last", () => {
  assert.deepEqual(
    [0, 1, 4.5, 5, 7].map((seconds) => placeAt(sheet, seconds)),
    [null, { turn: 0, from: 0 }, { turn: 0, from: 2 }, { turn: 0, from: 6 }, { turn: 0, from: 6 }],
  );
  assert.deepEqual(placeAt(sheet, 9), { turn: 1, from: 0 });
});

test("each speaker talks as long as their turns with text", () => {
  const spoken = [
    { text: "はい。", speaker: "spk_0" },
    { text: "もしもし", speaker: "spk_1" },
    { text: "", speaker: "spk_1" },
    { text: "どうも", speaker: "spk_0" },
  ];
  const talked = talkTimes({ transcript: { turns: spoken }, times: sheet.times, speakers: ["spk_1", "spk_0"] });
  assert.deepEqual(
    [...talked],
    [
      ["spk_1", 3],
      ["spk_0", 9],
    ],
  );
});
