// The outline's arithmetic: sound to bars, turns to colours.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  barColours,
  barHeights,
  barsOf,
  decodeLevels,
  inSight,
  joinPeaks,
} from "../../../kikitori/page/static/outline.js";

/** Bars of one length from the start of a recording. */
const bars = (total, count) => ({ first: 0, count, each: total / count });

test("levels are the bytes of base64", () => {
  assert.deepEqual([...decodeLevels("AAGA/w==")], [0, 1, 128, 255]);
  assert.deepEqual([...decodeLevels("")], []);
});

test("an outline grows by what is new, and what is newer replaces what was not kept", () => {
  const encode = (...bytes) => Buffer.from(bytes).toString("base64");
  const before = { levels: encode(1, 2, 3, 4, 5, 6, 7, 8), each: 0.04 };
  const joined = joinPeaks(before, { levels: encode(70, 80, 90), each: 0.04 }, 6);
  assert.deepEqual([...decodeLevels(joined.levels)], [1, 2, 3, 4, 5, 6, 70, 80, 90]);
  assert.deepEqual(joinPeaks(before, { levels: encode(9), each: 0.02 }, 0), { levels: encode(9), each: 0.02 });
  assert.deepEqual(joinPeaks(undefined, before, 0), before);
});

test("there is a bar every three pixels, and it keeps its sound when the timeline is scrolled", () => {
  assert.deepEqual(barsOf({ from: 0, span: 100 }, 300), { first: 0, count: 100, each: 1 });
  assert.deepEqual(barsOf({ from: 41.5, span: 10 }, 30), { first: 41, count: 11, each: 1 });
  assert.deepEqual(barsOf({ from: 90, span: 10 }, 300), { first: 900, count: 100, each: 0.1 });
  assert.deepEqual(barColours([], barsOf({ from: 0, span: 0 }, 300)), []);
});

test("each bar is as high as the loudest of its levels", () => {
  const levels = Uint8Array.from([0, 100, 50, 200, 20, 10]);
  assert.deepEqual(barHeights(levels, 1, bars(6, 3)), [0.5, 1, 0.1]);
  assert.deepEqual(barHeights(levels, 1, bars(6, 6)), [0, 0.5, 0.25, 1, 0.1, 0.05]);
});

test("a part of the recording has the heights that it has in the whole", () => {
  const levels = Uint8Array.from([0, 100, 50, 200, 20, 10]);
  assert.deepEqual(barHeights(levels, 1, { first: 1, count: 2, each: 1 }), [0.5, 0.25]);
  assert.deepEqual(barHeights(levels, 1, { first: 8, count: 3, each: 0.5 }), [0.1, 0.1, 0.05]);
});

test("a level that lies in two bars counts in both, and more bars than levels repeat them", () => {
  assert.deepEqual(barHeights(Uint8Array.from([10, 200, 10]), 1, bars(3, 2)), [1, 1]);
  assert.deepEqual(barHeights(Uint8Array.from([100, 200]), 2, bars(4, 4)), [0.5, 0.5, 1, 1]);
});

test("what has not been read has no height", () => {
  assert.deepEqual(barHeights(Uint8Array.from([255, 255]), 1, bars(4, 4)), [1, 1, 0, 0]);
});

test("a silent recording stays flat, and a quiet one is not drawn as if it were loud", () => {
  assert.deepEqual(barHeights(Uint8Array.from([0, 0]), 1, bars(2, 2)), [0, 0]);
  assert.ok(barHeights(Uint8Array.from([1, 0]), 1, bars(2, 2))[0] < 0.1);
});

test("a bar has the colour of the turn that began last", () => {
  const regions = [
    [0, 6, 0],
    [2, 3, 1],
    [8, 10, -1],
  ];
  assert.deepEqual(barColours(regions, bars(10, 10)), [0, 0, 1, 0, 0, 0, null, null, -1, -1]);
  assert.deepEqual(barColours(regions, { first: 4, count: 5, each: 1 }), [0, 0, null, null, -1]);
});

test("the shortest turn has one bar", () => {
  assert.deepEqual(barColours([[5, 5.001, 3]], bars(10, 4)), [null, null, 3, null]);
});

test("the longest call is drawn with every one of its turns, and a part of it with the few in sight", () => {
  const regions = Array.from({ length: 3000 }, (_, n) => [4.8 * n, 4.8 * n + 4, n % 2]);
  assert.ok(!barColours(regions, bars(14400, 300)).includes(null));
  assert.deepEqual(
    inSight(regions, { from: 7200, span: 20 }).map(([start]) => Math.round(start / 4.8)),
    [1500, 1501, 1502, 1503, 1504],
  );
});
