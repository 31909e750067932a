import assert from "node:assert/strict";
import test from "node:test";
import { readProject, writeProject } from "../../../kikitori/page/static/project_file.js";

const turn = {
  text: "はい。",
  source: "",
  speaker: "spk_0",
  language: "",
  start_seconds: 0,
  end_seconds: 2,
  timing: "window",
  words: [],
  low_confidence: [[0, 1]],
};
const sheet = {
  transcript: {
    audio: "call.wav",
    direction: "diarize",
    language: "Japanese",
    checkpoint: "tiny",
    raw_text: "",
    duration_seconds: 2,
    warnings: [],
    turns: [turn],
  },
  times: [[0, 2]],
  speakers: ["spk_0"],
  sound: "/tmp/secret/call.wav",
  begun: 1795620000000,
  peaks: { levels: "AAD/", each: 0.5 },
  length: 2.5,
};
const project = { name: "call.wav", sheets: [sheet, sheet], current: 1, references: ["", "Bom dia."] };

test("a project is read as it was written, without the server's path of its sound", () => {
  const text = writeProject(project);
  assert.ok(!text.includes("secret"));
  const silent = { ...sheet, sound: null };
  assert.deepEqual(readProject(text), { ...project, sheets: [silent, silent] });
});

test("a path in a foreign file is not taken over", () => {
  const text = writeProject(project).replaceAll('"sound":null', '"sound":"https://example.org/a.wav"');
  assert.ok(text.includes("example.org"));
  assert.equal(readProject(text)?.sheets[0].sound, null);
});

test("what is no project is refused", () => {
  const written = JSON.parse(writeProject(project));
  const changed = (change) => {
    const copy = structuredClone(written);
    change(copy, copy.sheets[0]);
    return JSON.stringify(copy);
  };
  const cases = [
    "",
    "null",
    "[]",
    "{}",
    changed((copy) => (copy.format = "other")),
    changed((copy) => (copy.version = 2)),
    changed((copy) => (copy.sheets = [])),
    changed((copy) => (copy.sheets[0] = null)),
    changed((_, first) => (first.times = [])),
    changed((_, first) => (first.times = [[2, 1]])),
    changed((_, first) => (first.times = [["0", 1]])),
    changed((_, first) => (first.speakers = [1])),
    changed((_, first) => delete first.transcript.direction),
    changed((_, first) => (first.transcript.audio = {})),
    changed((_, first) => (first.transcript.duration_seconds = null)),
    changed((_, first) => (first.transcript.warnings = [{}])),
    changed((_, first) => (first.transcript.turns[0].text = null)),
    changed((_, first) => (first.transcript.turns[0].speaker = 0)),
    changed((_, first) => (first.transcript.turns[0].speaker = "")),
    changed((_, first) => (first.transcript.turns[0].words = null)),
  ];
  for (const text of cases) assert.equal(readProject(text), null, text);
});

test("what Python would refuse, or is not known, is left out", () => {
  const written = JSON.parse(writeProject(project));
  const [first] = written.sheets;
  Object.assign(first, { address: {}, rawTexts: "x", peaks: { levels: "A", each: 1 }, begun: "<b>", length: -1 });
  Object.assign(first.transcript.turns[0], {
    text: " はい。",
    timing: "aligned",
    words: [{ text: "いいえ", start_seconds: 0, end_seconds: 1 }],
    low_confidence: [
      [0, 2],
      [1, 3],
    ],
  });
  for (const [given, taken] of [
    [{}, []],
    [
      [1, "Olá.", "of no sheet"],
      ["", "Olá."],
    ],
  ]) {
    assert.deepEqual(readProject(JSON.stringify({ ...written, references: given })).references, taken);
  }
  const [read] = readProject(JSON.stringify(written)).sheets;
  assert.deepEqual(Object.keys(read), ["transcript", "times", "speakers", "sound"]);
  assert.deepEqual(read.transcript.turns, [{ ...turn, timing: "aligned", low_confidence: [] }]);
});

test("the text of a project that an earlier version saved belongs to its first recording", () => {
  const { references, ...earlier } = { ...project, reference: "Bom dia." };
  assert.deepEqual(readProject(writeProject(earlier)).references, ["Bom dia."]);
});

test("a recording that is not there is not shown", () => {
  for (const current of [2, -1, "1", null, "constructor"]) {
    assert.equal(readProject(JSON.stringify({ ...JSON.parse(writeProject(project)), current }))?.current, 0);
  }
});
