import assert from "node:assert";
import { test } from "node:test";
import { audioName, countRecordings, fileStems, timeStamp } from "../../../kikitori/page/static/file_names.js";

const sheet = (audio, direction = "diarize", source = "") => ({
  transcript: { audio, direction, turns: [{ text: "a", source }] },
});

test("a file is named after its recording, without the suffix", () => {
  assert.deepEqual(fileStems([sheet("call.v2.flac"), sheet(".wav"), sheet("notes")], "both"), [
    "call.v2",
    ".wav",
    "notes",
  ]);
});

test("a translation's file has its languages in its name", () => {
  const both = [sheet("call.wav", "ja2en", "はい"), sheet("talk.wav", "en2ja", "yes")];
  assert.deepEqual(fileStems(both, "both"), ["call.en-ja", "talk.ja-en"]);
  assert.deepEqual(fileStems(both, "translation"), ["call.en", "talk.ja"]);
  assert.deepEqual(fileStems(both, "original"), ["call.ja", "talk.en"]);
});

test("a translation without its source has one language, whatever is chosen", () => {
  for (const texts of ["both", "translation", "original"]) {
    assert.deepEqual(fileStems([sheet("call.wav", "ja2en")], texts), ["call.en"]);
  }
});

test("two sheets never have the same name", () => {
  const sheets = [sheet("a.wav"), sheet("A.mp3"), sheet("a-2.wav"), sheet("a.wav", "ja2en")];
  assert.deepEqual(fileStems(sheets, "both"), ["a", "A-2", "a-2-2", "a.en"]);
});

test("a recording from the microphone is named after the time at which its job began", () => {
  const recorded = { ...sheet("audio.wav", "pt"), begun: new Date(2026, 10, 4, 5, 6).getTime() };
  assert.equal(audioName(recorded), "recording-2026-11-04-0506.wav");
  assert.deepEqual(fileStems([recorded, recorded], "both"), [
    "recording-2026-11-04-0506",
    "recording-2026-11-04-0506-2",
  ]);
  assert.equal(audioName(sheet("my audio.wav")), "my audio.wav");
});

test("a time in a name is local", () => {
  assert.equal(timeStamp(new Date(2026, 11, 31, 23, 59)), "2026-12-31-2359");
});

test("a translation is of the same recording as its call", () => {
  const call = { ...sheet("a.wav"), sound: "/1/a.wav" };
  const english = { ...sheet("a.wav", "ja2en"), sound: "/1/a.wav" };
  assert.equal(countRecordings([call, english]), 1);
  assert.equal(countRecordings([call, { ...sheet("a.wav"), sound: "/2/a.wav" }]), 2);
  assert.equal(countRecordings([call, english, sheet("b.wav")].map((one) => ({ ...one, sound: null }))), 2);
});
