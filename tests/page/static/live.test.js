// The Live tab's parts that need no page: resampling, samples, the lines of captions, and waits.
import assert from "node:assert";
import test from "node:test";

globalThis.speechTexts = { en: {}, ja: {}, "pt-BR": {}, "pt-PT": {} };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { Resampler, Sound, peakOf, toPcm, wavParts } = await import("../../../kikitori/page/static/pcm.js");
const { Captions, continued } = await import("../../../kikitori/page/static/live_captions.js");
const { pageAddress, soundAddress, waitBefore } = await import("../../../kikitori/page/static/live_connection.js");
const { Watch } = await import("../../../kikitori/page/static/live_watch.js");
const { joinSamples, recordingName } = await import("../../../kikitori/page/static/live_recording.js");

const TEXT = "conversation.item.input_audio_transcription";
const tone = (hertz, rate, seconds) =>
  Float32Array.from({ length: rate * seconds }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));

function resampled(samples, rate, part) {
  const resampler = new Resampler(rate);
  const made = [];
  for (let at = 0; at < samples.length; at += part) made.push(...resampler.add(samples.subarray(at, at + part)));
  return made;
}

for (const rate of [44100, 48000, 8000, 22050]) {
  test(`a tone at ${rate} Hz stays that tone, however it comes`, () => {
    const made = resampled(tone(1000, rate, 1), rate, 1000);
    assert.ok(Math.abs(made.length - 16000) < 50);
    const expected = tone(1000, 16000, 1);
    const wrong = made.slice(200, -200).map((sample, at) => Math.abs(sample - expected[at + 200]));
    assert.ok(Math.max(...wrong) < 0.005, String(Math.max(...wrong)));
    assert.deepEqual(resampled(tone(1000, rate, 1), rate, 333).slice(0, made.length - 50), made.slice(0, -50));
  });
}

test("what 16 kHz can't hold is taken away", () => {
  assert.ok(
    Math.max(
      ...resampled(tone(9000, 48000, 1), 48000, 6000)
        .slice(200)
        .map(Math.abs),
    ) < 0.01,
  );
});

test("samples have 16 bits, and are cut off at the loudest", () => {
  assert.deepEqual([...toPcm(Float32Array.of(0, 0.5, 1, -1, 2, -2))], [0, 16384, 32767, -32768, 32767, -32768]);
  assert.equal(peakOf(Int16Array.of(3, -16384, 5)), 0.5);
});

test("a recording becomes a WAV file", async () => {
  const bytes = await new Blob(wavParts([Int16Array.of(1, 2), Int16Array.of(-1)])).arrayBuffer();
  const letters = (from, to) => String.fromCharCode(...new Uint8Array(bytes.slice(from, to)));
  assert.equal(letters(0, 4) + letters(8, 16) + letters(36, 40), "RIFFWAVEfmt data");
  const view = new DataView(bytes);
  assert.deepEqual(
    [4, 24, 28, 40].map((at) => view.getUint32(at, true)),
    [42, 16000, 32000, 6],
  );
  assert.deepEqual(
    [20, 22, 32, 34].map((at) => view.getUint16(at, true)),
    [1, 1, 2, 16],
  );
  assert.deepEqual([...new Int16Array(bytes.slice(44))], [1, 2, -1]);
});

test("sound is found again from any sample on", () => {
  const sound = new Sound();
  for (const part of [
    [1, 2, 3],
    [4, 5],
    [6, 7, 8, 9],
  ])
    sound.add(Int16Array.from(part));
  for (let place = 0; place < 9; place++) assert.equal(sound.from(place)[0], place + 1);
  assert.deepEqual([...sound.from(6)], [7, 8, 9]);
  assert.equal(sound.from(9).length, 0);
  assert.equal(new Sound().from(0).length, 0);
  assert.deepEqual([...joinSamples(sound.parts)], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

/** Lets captions take the events of a stretch: its start, what is firm, what may change, and its end if it has one. */
function hear(captions, id, start, firm, tentative, end) {
  const item_id = id;
  captions.take({ type: "input_audio_buffer.speech_started", item_id, audio_start_ms: start });
  captions.take({ type: `${TEXT}.delta`, item_id, delta: firm });
  captions.take({ type: "kikitori.tentative", item_id, text: tentative, audio_heard_ms: start + 1000 });
  if (end === undefined) return;
  captions.take({ type: "input_audio_buffer.speech_stopped", item_id, audio_end_ms: end });
  const turns = [{ speaker: null, text: firm + tentative }];
  captions.take({ type: `${TEXT}.completed`, item_id, transcript: firm + tentative, turns });
}
const shown = (captions) => captions.lines.map(({ firm, tentative, isOpen }) => [firm, tentative, isOpen]);

test("a stretch becomes a line, firm step by step", () => {
  const captions = new Captions();
  assert.equal(captions.begin(), 0);
  hear(captions, "a", 500, "Bom dia,", " eu");
  assert.deepEqual(shown(captions), [["Bom dia,", " eu", true]]);
  assert.equal(captions.heard, 24000);
  hear(captions, "b", 5000, "Sim", "", 6000);
  assert.deepEqual(shown(captions)[1], ["Sim", "", false]);
  assert.equal(captions.closed, 96000);
});

test("after a lost connection the open stretch is sent again, and shown once", () => {
  const captions = new Captions();
  captions.begin();
  hear(captions, "a", 0, "Um", "", 2000);
  hear(captions, "b", 3000, "Dois e", " três");
  assert.equal(captions.begin(), 32000);
  assert.deepEqual(shown(captions)[1], ["Dois e", "", true]);
  hear(captions, "c", 1000, "Dois", " e");
  assert.deepEqual(shown(captions), [
    ["Um", "", false],
    ["Dois e", "", true],
  ]);
  captions.take({ type: "input_audio_buffer.speech_stopped", item_id: "c", audio_end_ms: 4000 });
  captions.take({ type: `${TEXT}.completed`, item_id: "c", transcript: "Dois e três", turns: [] });
  assert.deepEqual(shown(captions)[1], ["Dois e três", "", false]);
  assert.equal(captions.closed, 96000);
});

test("speech that was not known before the connection was lost is a line of its own", () => {
  const captions = new Captions();
  captions.begin();
  hear(captions, "a", 0, "Um", "");
  captions.begin();
  hear(captions, "b", 5000, "Dois", "", 6000);
  assert.deepEqual(shown(captions), [
    ["Um", "", false],
    ["Dois", "", false],
  ]);
});

test("a line that had only words that may change is begun anew", () => {
  const captions = new Captions();
  captions.begin();
  hear(captions, "a", 0, "", "Um");
  captions.begin();
  assert.deepEqual(captions.lines, []);
});

test("firm text stays, whatever a later session writes", () => {
  assert.equal(continued("Bom dia", "Bom dia, Rita"), "Bom dia, Rita");
  assert.equal(continued("Bom dia", "Bom"), "Bom dia");
  assert.equal(continued("Um bom dia", "O bom dia, Rita"), "Um bom dia, Rita");
  assert.equal(continued("abc", "xyzdef"), "abcdef");
  assert.equal(continued("", "abc"), "abc");
});

test("a call's turns have their speakers once they are complete", () => {
  const captions = new Captions();
  captions.begin();
  hear(captions, "a", 0, "はい", "");
  const turns = [{ speaker: "spk_0?", text: "はい" }];
  captions.take({ type: `${TEXT}.completed`, item_id: "a", transcript: "はい", turns });
  assert.deepEqual(captions.lines[0].turns, turns);
});

test("waits grow up to half a minute", () => {
  assert.deepEqual([0, 1, 2, 4, 5, 9].map(waitBefore), [1000, 2000, 4000, 16000, 30000, 30000]);
});

test("the address fits the page's, also in a folder and over https", () => {
  assert.equal(pageAddress("live", "http://127.0.0.1:7860/?__theme=dark#a"), "http://127.0.0.1:7860/live");
  assert.equal(pageAddress("live", "https://example.org/tools/speech"), "https://example.org/tools/speech/live");
  const address = soundAddress("transcribe", "Norwegian Nynorsk", "https://a.hf.space/");
  assert.equal(address, "wss://a.hf.space/live/sound?model=transcribe&language=Norwegian+Nynorsk");
  assert.equal(soundAddress("pt", "", "http://localhost:7860/"), "ws://localhost:7860/live/sound?model=pt");
});

test("a microphone that gives nothing is noticed soon, and one that hears no words later", () => {
  const second = (level) => new Int16Array(16000).fill(level);
  const quiet = (watch, level, seconds, isConnected = true) => {
    for (let at = 0; at < seconds; at++) watch.hear(second(level), isConnected);
    return watch.isQuiet;
  };
  assert.deepEqual([quiet(new Watch(), 30, 20), quiet(new Watch(), 30, 21)], [false, true]);
  const watch = new Watch();
  assert.deepEqual([quiet(watch, 900, 120), quiet(watch, 900, 1)], [false, true]);
  watch.noteWords();
  assert.equal(watch.isQuiet, false);
  assert.equal(quiet(new Watch(), 900, 200, false), false);
});

test("a recording is named after the time at which it began", () => {
  assert.match(recordingName(Date.now()), /^live_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.wav$/);
});
