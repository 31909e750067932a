import assert from "node:assert/strict";
import test from "node:test";
import {
  findText,
  hasText,
  newSpeaker,
  renameSpeaker,
  replaceText,
  setSource,
  setSpeaker,
  setText,
  setTimes,
  tickOff,
  unsurePlaces,
  withEdge,
} from "../../../kikitori/page/static/sheet.js";
import { joinTurns, splitTurn } from "../../../kikitori/page/static/splitting.js";
import { call, sheetOf, spoken, talk, texts, translation, turn } from "./sheets.js";

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

test("a text that neither begins nor goes leaves everything else as it is", () => {
  const before = call();
  const after = setText(before, 1, "山本です。");
  for (const part of ["times", "speakers"]) assert.equal(after[part], before[part], part);
  for (const number of [0, 2]) assert.equal(after.transcript.turns[number], before.transcript.turns[number]);
  assert.deepEqual(setText(before, 1, "").speakers, ["spk_0"]);
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

test("characters that take two UTF-16 units count as one", () => {
  const sheet = sheetOf("Chinese", [turn(null, "𠮷野家🍜好"), [0, 5]]);
  assert.deepEqual(texts(splitTurn(sheet, 0, 4)), ["𠮷野家🍜", "好"]);
  assert.deepEqual(findText(sheet, "好"), [{ turn: 0, field: "text", from: 4, to: 5 }]);
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

test("originals are searched too where they are shown, and each text is replaced by itself", () => {
  const sheet = translation();
  const found = (...fields) => findText(sheet, "o", false, fields).map(({ turn, field, from }) => [turn, field, from]);
  assert.deepEqual(found("text"), []);
  assert.deepEqual(found("source").slice(0, 4), [
    [0, "source", 1],
    [0, "source", 2],
    [0, "source", 6],
    [0, "source", 17],
  ]);
  const both = setText(sheet, 1, "OK。");
  const places = findText(both, "o", true, ["source", "text"]).filter(({ turn }) => turn === 1);
  assert.deepEqual(new Set(places.map(({ field }) => field)), new Set(["source"]));
  const [, replaced] = replaceText(both, findText(both, "ok", false, ["source", "text"]), "").transcript.turns;
  assert.deepEqual([replaced.text, replaced.source], ["。", "Yes, how many of you?"]);
  const [first] = replaceText(sheet, findText(sheet, "Good", true, ["source", "text"]), "").transcript.turns;
  assert.deepEqual(
    [first.source, first.text],
    ["morning. I would like to book a table.", sheet.transcript.turns[0].text],
  );
});

test("a row goes only if both its texts are deleted", () => {
  const emptied = setText(translation(), 1, "");
  assert.deepEqual(emptied.transcript.turns.map(hasText), [true, true]);
  assert.deepEqual(setSource(emptied, 1, "").transcript.turns.map(hasText), [true, false]);
});

test("what is unsure stays marked between two replaced places", () => {
  const low_confidence = [[3, 6]];
  const sheet = sheetOf("Portuguese", [turn(null, "a, mau, c, d", { low_confidence }), [0, 2]]);
  const replaced = replaceText(sheet, findText(sheet, ","), ";;").transcript.turns[0];
  assert.deepEqual([replaced.text, replaced.low_confidence], ["a;; mau;; c;; d", [[4, 7]]]);
  const shorter = replaceText(sheet, findText(sheet, "a, "), "").transcript.turns[0];
  assert.deepEqual([shorter.text, shorter.low_confidence], ["mau, c, d", [[0, 3]]]);
});

test("unsure places are listed in order and ticked off", () => {
  const places = unsurePlaces(talk());
  assert.deepEqual(places, [
    { turn: 0, from: 0, to: 3 },
    { turn: 0, from: 16, to: 19 },
  ]);
  assert.deepEqual(unsurePlaces(tickOff(talk(), places[0])), [places[1]]);
});

test("a turn that begins before the one above it moves there, and back again with its time", () => {
  const moved = setTimes(call(), 2, 3, 5);
  assert.deepEqual(moved.times, [
    [0, 4],
    [3, 5],
    [4, 6],
  ]);
  assert.deepEqual(texts(moved), ["はい、みどり病院です。", "はい。", "山本と申します。"]);
  assert.deepEqual(texts(setTimes(moved, 1, 4, 6)), texts(moved)); // those that begin together stay as they are
  const back = setTimes(moved, 1, 6, 10);
  assert.deepEqual([texts(back), back.times], [texts(call()), call().times]);
});

test("an edge moves up to the other one of its turn, past which it can't go", () => {
  assert.deepEqual(withEdge([4, 6], false, 3), [3, 6]);
  assert.deepEqual(withEdge([4, 6], false, 7), [5.95, 6]);
  assert.deepEqual(withEdge([4, 6], true, 3), [4, 4.05]);
});

test("times that a visitor has set are no longer estimates", () => {
  const moved = setTimes(call(), 1, 4.5, 6).transcript.turns;
  assert.deepEqual(
    moved.map(({ timing }) => timing),
    ["window", "aligned", "window"],
  );
  assert.deepEqual([moved[1].start_seconds, moved[1].end_seconds], [4.5, 6]);
});

test("the original of a translation is corrected", () => {
  const { turns } = setSource(translation(), 1, "Yes. How many of you?").transcript;
  assert.deepEqual([turns[1].source, turns[1].text], ["Yes. How many of you?", "はい、何名様ですか。"]);
  const sheet = translation();
  assert.equal(setSource(sheet, 1, "Yes, how many of you?"), sheet);
});
