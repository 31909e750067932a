import assert from "node:assert/strict";
import test from "node:test";
import { setText, setTimes } from "../../../kikitori/page/static/sheet.js";
import { breakNear, joinTurns, splitTurn } from "../../../kikitori/page/static/splitting.js";
import { call, spoken, talk, texts, translation } from "./sheets.js";

const sources = (sheet) => sheet.transcript.turns.map(({ source }) => source);

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

test("a translation and its original are split together, wherever the split is made", () => {
  const whole = translation();
  const sentence = "おはようございます。".length;
  const inText = splitTurn(whole, 0, sentence);
  assert.deepEqual(texts(inText).slice(0, 2), ["おはようございます。", "予約をお願いします。"]);
  assert.deepEqual(sources(inText).slice(0, 2), ["Good morning.", "I would like to book a table."]);
  const inSource = splitTurn(whole, 0, "Good morning.".length, "source");
  assert.deepEqual([texts(inSource), sources(inSource)], [texts(inText), sources(inText)]);
  assert.equal(splitTurn(whole, 0, 0, "source"), whole);
});

test("of two texts, one that has one word or none stays with the first part", () => {
  const { transcript, ...rest } = translation();
  const [first] = transcript.turns;
  const short = { ...rest, transcript: { ...transcript, turns: [{ ...first, source: "Hello" }, transcript.turns[1]] } };
  assert.deepEqual(sources(splitTurn(short, 0, 10)).slice(0, 2), ["Hello", ""]);
  const one = { ...rest, transcript: { ...transcript, turns: [{ ...first, text: "はい" }, transcript.turns[1]] } };
  for (const text of ["はい", ""]) {
    const split = splitTurn(setText(one, 0, text), 0, "Good morning.".length, "source");
    assert.deepEqual(texts(split).slice(0, 2), [text, ""]);
    assert.deepEqual(sources(split).slice(0, 2), ["Good morning.", "I would like to book a table."]);
    assert.deepEqual(
      split.times.slice(0, 2).map((span) => span.map((seconds) => Number(seconds.toFixed(2)))),
      [
        [0, 1.81],
        [1.81, 6],
      ],
    );
  }
});

test("joined originals have a space between them only where their language has one", () => {
  assert.deepEqual(sources(joinTurns(translation(), 1)), [
    "Good morning. I would like to book a table. Yes, how many of you?",
  ]);
  const fromJapanese = translation();
  fromJapanese.transcript.language = "English";
  fromJapanese.transcript.turns.forEach((turn) => ([turn.text, turn.source] = [turn.source, turn.text]));
  assert.deepEqual(sources(joinTurns(fromJapanese, 1)), [
    "おはようございます。予約をお願いします。はい、何名様ですか。",
  ]);
  assert.match(texts(joinTurns(fromJapanese, 1))[0], /table\. Yes/);
});

test("a text is split between words near the share, better after a sentence", () => {
  const text = "One two three. Four five six seven";
  assert.equal(text.slice(breakNear(text, 0.5)), "Four five six seven");
  assert.equal(text.slice(breakNear(text, 0.75)), "six seven");
  assert.equal(breakNear("word", 0.5), 4);
  assert.equal(breakNear("", 0.5), 0);
});
