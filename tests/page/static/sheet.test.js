import assert from "node:assert/strict";
import test from "node:test";
import {
  findText,
  joinTurns,
  newSpeaker,
  renameSpeaker,
  replaceText,
  setSpeaker,
  setText,
  setTimes,
  splitTurn,
  tickOff,
  unsurePlaces,
  withEdge,
} from "../../../kikitori/page/static/sheet.js";

/** A turn as Python sends it. */
const turn = (speaker, text, more = {}) => ({
  speaker,
  text,
  timing: "window",
  start_seconds: 0,
  end_seconds: 10,
  words: [],
  low_confidence: [],
  source: "",
  language: "",
  ...more,
});

/** A sheet of turns with their times. */
function sheetOf(language, ...rows) {
  const turns = rows.map(([made]) => made);
  const transcript = { turns, language, duration_seconds: 10, raw_text: "as the model wrote it" };
  return {
    transcript,
    times: rows.map(([, span]) => span),
    speakers: [...new Set(turns.map(({ speaker }) => speaker).filter((speaker) => speaker !== null))],
  };
}

const words = (...parts) => parts.map(([text, start_seconds, end_seconds]) => ({ text, start_seconds, end_seconds }));
const texts = (sheet) => sheet.transcript.turns.map(({ text }) => text);
const spoken = (sheet) => sheet.transcript.turns.map(({ speaker }) => speaker);

const call = () =>
  sheetOf(
    "Japanese",
    [turn("spk_0", "はい、みどり病院です。", { low_confidence: [[3, 6]] }), [0, 4]],
    [turn("spk_1", "山本と申します。"), [4, 6]],
    [turn("spk_0", "はい。"), [6, 10]],
  );
const talk = () =>
  sheetOf(
    "Portuguese",
    [
      turn(null, "Bom dia, eu sou Ana.", {
        timing: "aligned",
        words: words(["Bom", 0, 1], [" dia,", 1, 2], [" eu", 3, 4], [" sou", 4, 5], [" Ana.", 5, 6]),
        low_confidence: [
          [0, 3],
          [16, 19],
        ],
      }),
      [0, 6],
    ],
    [
      turn(null, "Quero um café.", {
        timing: "aligned",
        words: words(["Quero", 6, 7], [" um", 7, 8], [" café.", 8, 9]),
      }),
      [6, 9],
    ],
  );

test("a text keeps its marks outside the changed part, and loses the times of its words", () => {
  const { turns } = setText(talk(), 0, "Bom dia, eu me chamo Ana.").transcript;
  assert.equal(turns[0].text, "Bom dia, eu me chamo Ana.");
  assert.deepEqual(turns[0].words, []);
  assert.deepEqual(turns[0].low_confidence, [
    [0, 3],
    [21, 24],
  ]);
  assert.deepEqual(setText(talk(), 0, "Bom dia, eu sou Bia.").transcript.turns[0].low_confidence, [[0, 3]]);
});

test("nothing is changed in place", () => {
  const before = talk();
  const copy = structuredClone(before);
  for (const change of [
    (sheet) => setText(sheet, 0, "Bom"),
    (sheet) => splitTurn(sheet, 0, 8),
    (sheet) => joinTurns(sheet, 1),
    (sheet) => setSpeaker(sheet, 0, "Ana"),
    (sheet) => setTimes(sheet, 0, 1, 2),
    (sheet) => tickOff(sheet, { turn: 0, from: 0 }),
    (sheet) => replaceText(sheet, findText(sheet, "u"), "x"),
  ]) {
    assert.notDeepEqual(change(before), copy);
    assert.deepEqual(before, copy);
  }
});

test("the same text or the same times are the same sheet", () => {
  const sheet = call();
  assert.equal(setText(sheet, 1, "山本と申します。"), sheet);
  assert.equal(setTimes(sheet, 1, 4, 6), sheet);
});

test("a turn is split at the time of its word", () => {
  const sheet = splitTurn(talk(), 0, 9);
  assert.deepEqual(texts(sheet), ["Bom dia,", "eu sou Ana.", "Quero um café."]);
  assert.deepEqual(sheet.times, [
    [0, 3],
    [3, 6],
    [6, 9],
  ]);
  const [one, two] = sheet.transcript.turns;
  assert.deepEqual([one.end_seconds, two.start_seconds], [3, 3]);
  assert.deepEqual(
    two.words.map(({ text }) => text),
    ["eu", " sou", " Ana."],
  );
  assert.deepEqual([one.low_confidence, two.low_confidence], [[[0, 3]], [[7, 10]]]);
});

test("a turn without times of words is split by its share of the text", () => {
  const sheet = splitTurn(call(), 0, 3);
  assert.deepEqual(texts(sheet).slice(0, 2), ["はい、", "みどり病院です。"]);
  assert.deepEqual(sheet.times.slice(0, 2), [
    [0, (4 * 3) / 11],
    [(4 * 3) / 11, 4],
  ]);
  assert.deepEqual(spoken(sheet), ["spk_0", "spk_0", "spk_1", "spk_0"]);
});

test("a split inside a word loses the times of the words of both parts", () => {
  const [one, two] = splitTurn(talk(), 0, 6).transcript.turns;
  assert.deepEqual([one.text, one.words, two.text, two.words], ["Bom di", [], "a, eu sou Ana.", []]);
});

test("a split at either end of the text changes nothing", () => {
  const sheet = talk();
  assert.equal(splitTurn(sheet, 0, 0), sheet);
  assert.equal(splitTurn(sheet, 0, 20), sheet);
});

test("characters that take two UTF-16 units count as one", () => {
  const sheet = sheetOf("Chinese", [turn(null, "𠮷野家🍜好"), [0, 5]]);
  assert.deepEqual(texts(splitTurn(sheet, 0, 4)), ["𠮷野家🍜", "好"]);
  assert.deepEqual(findText(sheet, "好"), [{ turn: 0, from: 4, to: 5 }]);
});

test("a turn joins the one before it, with a space only where the language has spaces", () => {
  const joined = joinTurns(talk(), 1);
  assert.deepEqual(texts(joined), ["Bom dia, eu sou Ana. Quero um café."]);
  assert.deepEqual(joined.times, [[0, 9]]);
  assert.equal(joined.transcript.turns[0].words.map(({ text }) => text).join(""), texts(joined)[0]);
  const inJapanese = joinTurns(call(), 1);
  assert.deepEqual(texts(inJapanese), ["はい、みどり病院です。山本と申します。", "はい。"]);
  assert.deepEqual(inJapanese.speakers, ["spk_0"]);
});

test("joining skips turns whose text was deleted, and the first turn has none before it", () => {
  const deleted = setText(call(), 1, "");
  assert.deepEqual(texts(joinTurns(deleted, 2)), ["はい、みどり病院です。はい。"]);
  assert.equal(joinTurns(deleted, 0), deleted);
});

test("a split and a join leave text, words and times as they were", () => {
  const there = splitTurn(talk(), 0, 9);
  const back = joinTurns(there, 1);
  assert.deepEqual(
    back.transcript.turns,
    talk().transcript.turns.map((turn) => ({
      ...turn,
      ...(turn.text.startsWith("Bom") ? { start_seconds: 0, end_seconds: 6 } : {}),
    })),
  );
  assert.deepEqual(back.times, talk().times);
});

test("speakers are renamed, merged and added, and disappear with their last turn", () => {
  assert.deepEqual(renameSpeaker(call(), "spk_1", "山本").speakers, ["spk_0", "山本"]);
  const merged = renameSpeaker(call(), "spk_1", "spk_0");
  assert.deepEqual([merged.speakers, new Set(spoken(merged))], [["spk_0"], new Set(["spk_0"])]);
  assert.equal(newSpeaker(call()), "spk_2");
  assert.deepEqual(setSpeaker(call(), 1, "spk_2").speakers, ["spk_0", "spk_2"]);
  assert.deepEqual(setText(call(), 1, "").speakers, ["spk_0"]);
});

test("times stay within the recording, and no turn is empty", () => {
  assert.deepEqual(setTimes(call(), 1, -1, 6).times[1], [0, 6]);
  assert.deepEqual(setTimes(call(), 2, 6, 99).times[2], [6, 10]);
  assert.deepEqual(setTimes(call(), 1, 5, 5).times[1], [5, 5.05]);
});

test("text is found in any case and replaced from the end to the start", () => {
  const sheet = talk();
  assert.deepEqual(
    findText(sheet, "eu").map(({ from }) => from),
    [9],
  );
  assert.equal(findText(sheet, "BOM").length, 1);
  assert.equal(findText(sheet, "BOM", true).length, 0);
  assert.equal(findText(sheet, "").length, 0);
  assert.deepEqual(texts(replaceText(sheet, findText(sheet, "o"), "ooo")), [
    "Booom dia, eu sooou Ana.",
    "Querooo um café.",
  ]);
  assert.deepEqual(texts(replaceText(sheet, findText(sheet, "Bom dia, eu sou Ana."), "")), ["", "Quero um café."]);
});

test("what is unsure stays marked between two replaced places", () => {
  const low_confidence = [[3, 6]];
  const sheet = sheetOf("Portuguese", [turn(null, "a, mau, c, d", { low_confidence }), [0, 2]]);
  const replaced = replaceText(sheet, findText(sheet, ","), ";;").transcript.turns[0];
  assert.deepEqual([replaced.text, replaced.low_confidence], ["a;; mau;; c;; d", [[4, 7]]]);
  const shorter = replaceText(sheet, findText(sheet, "a, "), "").transcript.turns[0];
  assert.deepEqual([shorter.text, shorter.low_confidence], ["mau, c, d", [[0, 3]]]);
});

test("a turn whose start was moved past its words is split within its times", () => {
  const sheet = splitTurn(setTimes(talk(), 0, 5.5, 6), 0, 9);
  assert.deepEqual(sheet.times.slice(0, 2), [
    [5.5, 5.5],
    [5.5, 6],
  ]);
});

test("joining an emptied turn keeps the times of the words before it", () => {
  const sheet = joinTurns(setText(talk(), 1, ""), 1);
  assert.deepEqual(texts(sheet), ["Bom dia, eu sou Ana."]);
  assert.equal(sheet.transcript.turns[0].words.length, 5);
});

test("unsure places are listed in order and ticked off", () => {
  const places = unsurePlaces(talk());
  assert.deepEqual(places, [
    { turn: 0, from: 0, to: 3 },
    { turn: 0, from: 16, to: 19 },
  ]);
  assert.deepEqual(unsurePlaces(tickOff(talk(), places[0])), [places[1]]);
});

test("an edge moves up to the other one of its turn, past which it can't go", () => {
  assert.deepEqual(withEdge([4, 6], false, 3), [3, 6]);
  assert.deepEqual(withEdge([4, 6], false, 7), [5.95, 6]);
  assert.deepEqual(withEdge([4, 6], true, 3), [4, 4.05]);
});
