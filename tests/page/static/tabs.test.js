// How many transcripts each tab keeps.
import assert from "node:assert";
import test from "node:test";

const tabs = {
  diarize: { panel: "diarize", name: "Call", directions: ["diarize"] },
  any: { panel: "transcribe", name: "Any language", directions: ["transcribe"] },
};
globalThis.speechTexts = { en: { tabs } };
Object.defineProperty(globalThis, "navigator", { value: { language: "en" }, configurable: true });
const { countByTab, tabName, tabOf } = await import("../../../kikitori/page/static/tabs.js");

test("tabs are counted in the page's order, and those without a transcript are left out", () => {
  const entries = ["any", "diarize", "any", "a tab of an earlier version"].map((tab) => ({ tab }));
  assert.deepEqual(
    [...countByTab(entries)],
    [
      ["diarize", 1],
      ["any", 2],
    ],
  );
  assert.deepEqual([...countByTab(entries.slice(0, 1))], [["any", 1]]);
  assert.equal(tabName("any"), "Any language");
});

test("a direction has its tab, and an unknown one has none", () => {
  assert.equal(tabOf("transcribe"), "any");
  for (const direction of ["", "constructor", "de2fr"]) assert.equal(tabOf(direction), undefined);
});
