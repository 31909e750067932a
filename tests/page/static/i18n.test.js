// Numbers, durations, names and sentences in each language of the page.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const LANGUAGES = ["en", "ja", "pt-BR", "pt-PT"];
const TAGS = { English: "en", Japanese: "ja", Portuguese: "pt" };

const read = (tag) =>
  JSON.parse(readFileSync(new URL(`../../../kikitori/page/languages/${tag}.json`, import.meta.url), "utf-8"));
globalThis.speechTexts = Object.fromEntries(
  LANGUAGES.map(read).map(({ view, errors, warnings }, number) => [
    LANGUAGES[number],
    { ...view, errors, warnings, tags: TAGS },
  ]),
);

/** The module as a browser of this language loads it. */
async function load(language) {
  Object.defineProperty(globalThis, "navigator", { value: { language }, configurable: true });
  return import(`../../../kikitori/page/static/i18n.js?${language}`);
}
const modules = [];
for (const tag of LANGUAGES) modules.push(await load(tag)); // one after another: they share `navigator`
const [en, ja, br, pt] = modules;
/** What all four write, with ordinary spaces. */
const written = (write) => modules.map((module) => write(module).replace(/\u00a0|\u202f/g, " "));

test("a browser's language chooses the page's", () => {
  const chosen = (tags) => tags.map(en.chooseLanguage);
  assert.deepEqual(chosen(["en-GB", "fr", "ja", "ja-JP"]), ["en", "en", "ja", "ja"]);
  assert.deepEqual(chosen(["pt-BR", "pt-Latn-BR", "pt-br"]), ["pt-BR", "pt-BR", "pt-BR"]);
  assert.deepEqual(chosen(["pt-PT", "pt-AO", "pt-MZ", "pt-TL", "pt"]), Array(5).fill("pt-PT"));
});

test("a speaker has a number from 1 on, and keeps a given name", () => {
  assert.deepEqual(
    written((module) => module.speakerName("spk_0")),
    ["Speaker 1", "話者1", "Falante 1", "Falante 1"],
  );
  assert.equal(en.speakerName("spk_11"), "Speaker 12");
  for (const name of ["Ana", "spk_", "spk_1a", "my spk_1"]) assert.equal(en.speakerName(name), name);
});

test("a typed name means the speaker who is shown under it", () => {
  assert.equal(ja.speakerLabel("話者2", ["spk_0", "spk_1"]), "spk_1");
  assert.equal(ja.speakerLabel("話者2", ["spk_0", "山本"]), "話者2");
  assert.equal(ja.speakerLabel("山本", ["spk_0", "spk_1"]), "山本");
});

test("numbers and percentages follow the language", () => {
  assert.deepEqual(
    written((module) => module.formatNumber(50000.5)),
    ["50,000.5", "50,000.5", "50.000,5", "50 000,5"],
  );
  assert.deepEqual(
    written((module) => module.formatPercent(0.4286, 1)),
    ["42.9%", "42.9%", "42,9%", "42,9%"],
  );
});

test("durations have at most two units and are rounded down", () => {
  assert.deepEqual(
    written((module) => module.formatDuration(15155)),
    ["4 hr 12 min", "4 時間 12 分", "4 h 12 min", "4 h 12 min"],
  );
  assert.deepEqual(
    written((module) => module.formatDuration(0.058)),
    ["0.05 sec", "0.05 秒", "0,05 s", "0,05 s"],
  );
  const texts = [0, 0.29, 9.999, 59.9, 60, 125, 3600].map((seconds) =>
    br.formatDuration(seconds).replace(/\u00a0/g, " "),
  );
  assert.deepEqual(texts, ["0 s", "0,29 s", "9,99 s", "59 s", "1 min", "2 min 5 s", "1 h"]);
});

test("levels have a unit, and silence has a word", () => {
  assert.deepEqual(
    written((module) => module.formatValue({ decibels: -72.34 })),
    ["-72.3 dBFS", "-72.3 dBFS", "-72,3 dBFS", "-72,3 dBFS"],
  );
  assert.deepEqual(
    written((module) => module.formatValue({ decibels: null })),
    ["zero", "ゼロ", "zero", "zero"],
  );
});

test("languages have names in the visitor's language, and file names stay", () => {
  assert.equal(pt.formatValue("Japanese, English", "choices"), "japonês, inglês");
  assert.equal(ja.formatValue("Japanese", "name"), "Japanese");
});
