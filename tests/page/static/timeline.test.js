// The timeline's arithmetic: sound to bars, time to place, keys to time.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  barColours,
  barHeights,
  decodeLevels,
  shareOf,
  timeAt,
  timeOfKey,
} from "../../../kikitori/page/static/timeline.js";

test("levels are the bytes of base64", () => {
  assert.deepEqual([...decodeLevels("AAGA/w==")], [0, 1, 128, 255]);
  assert.deepEqual([...decodeLevels("")], []);
});

test("each bar is as high as the loudest of its levels", () => {
  const levels = Uint8Array.from([0, 100, 50, 200, 20, 10]);
  assert.deepEqual(barHeights(levels, 1, 6, 3), [0.5, 1, 0.1]);
  assert.deepEqual(barHeights(levels, 1, 6, 6), [0, 0.5, 0.25, 1, 0.1, 0.05]);
});

test("a level that lies in two bars counts in both, and more bars than levels repeat them", () => {
  assert.deepEqual(barHeights(Uint8Array.from([10, 200, 10]), 1, 3, 2), [1, 1]);
  assert.deepEqual(barHeights(Uint8Array.from([100, 200]), 2, 4, 4), [0.5, 0.5, 1, 1]);
});

test("what has not been read has no height", () => {
  assert.deepEqual(barHeights(Uint8Array.from([255, 255]), 1, 4, 4), [1, 1, 0, 0]);
});

test("a silent recording stays flat, and a quiet one is not drawn as if it were loud", () => {
  assert.deepEqual(barHeights(Uint8Array.from([0, 0]), 1, 2, 2), [0, 0]);
  assert.ok(barHeights(Uint8Array.from([1, 0]), 1, 2, 2)[0] < 0.1);
});

test("a bar has the colour of the turn that began last", () => {
  const regions = /** @type {[number, number, number][]} */ ([
    [0, 6, 0],
    [2, 3, 1],
    [8, 10, -1],
  ]);
  assert.deepEqual(barColours(regions, 10, 10), [0, 0, 1, 0, 0, 0, null, null, -1, -1]);
});

test("the shortest turn has one bar", () => {
  assert.deepEqual(barColours([[5, 5.001, 3]], 10, 4), [null, null, 3, null]);
  assert.equal(barColours([[0, 0, 3]], 0, 4)[0], 3);
});

test("the longest call is drawn with every one of its turns", () => {
  const regions = Array.from({ length: 3000 }, (_, n) => [4.8 * n, 4.8 * n + 4, n % 2]);
  const colours = barColours(/** @type {any} */ (regions), 14400, 300);
  assert.equal(colours.length, 300);
  assert.ok(!colours.includes(null));
});

test("times and places lead to each other, and stay on the timeline", () => {
  assert.equal(shareOf(30, 120), 0.25);
  assert.equal(timeAt(200, 800, 120), 30);
  assert.deepEqual([shareOf(-1, 120), shareOf(200, 120), shareOf(5, 0)], [0, 1, 0]);
  assert.deepEqual([timeAt(-5, 800, 120), timeAt(900, 800, 120), timeAt(5, 0, 120)], [0, 120, 0]);
});

test("arrow keys move by 5 seconds, page keys by 30, Home and End to the ends", () => {
  const from60 = (key) => timeOfKey(key, 60, 100);
  assert.deepEqual(["ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"].map(from60), [55, 55, 65, 65]);
  assert.deepEqual(["PageDown", "PageUp", "Home", "End"].map(from60), [30, 90, 0, 100]);
  assert.deepEqual([timeOfKey("ArrowLeft", 3, 100), timeOfKey("PageUp", 90, 100)], [0, 100]);
  assert.deepEqual(["Enter", " ", "a", "Tab"].map(from60), [null, null, null, null]);
});
