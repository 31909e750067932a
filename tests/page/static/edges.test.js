import assert from "node:assert/strict";
import test from "node:test";
import { edgeAt, HeldEdge } from "../../../kikitori/page/static/edges.js";

/** @type {import("../../../kikitori/page/static/timeline.js").Region[]} */
const regions = [
  [0, 4, 0, 0],
  [4, 8, 1, 2],
  [9, 9.5, 0, 3],
];

test("the edge within reach is taken, and where two turns touch it is that of the turn under the pointer", () => {
  const taken = (seconds) => edgeAt(regions, seconds, 0.2);
  assert.deepEqual(taken(0.1), { turn: 0, isEnd: false, seconds: 0 });
  assert.deepEqual(taken(3.9), { turn: 0, isEnd: true, seconds: 4 });
  assert.deepEqual(taken(4.1), { turn: 2, isEnd: false, seconds: 4 });
  assert.deepEqual(taken(8.2), { turn: 2, isEnd: true, seconds: 8 });
  assert.deepEqual([taken(2), taken(3.7), taken(8.5)], [null, null, null]);
});

test("a turn that is too narrow for a pointer has no edges", () => {
  assert.equal(edgeAt(regions, 9, 0.2), null);
  assert.equal(edgeAt(regions, 9, 0.1)?.turn, 3);
});

test("an edge keeps its distance from the pointer, and stops before the other edge and at the start", () => {
  const held = new HeldEdge({ turn: 2, isEnd: false, seconds: 4 }, regions, 4.125, 0.05);
  held.move(3.625);
  assert.deepEqual(held.regions, [regions[0], [3.5, 8, 1, 2], regions[2]]);
  held.move(99);
  assert.equal(held.seconds, 7.95);
  held.move(-99);
  assert.equal(held.seconds, 0);
  assert.deepEqual(held.before, regions);
});

test("a pointer that hardly moves has clicked, one that came back has dragged", () => {
  const held = new HeldEdge({ turn: 0, isEnd: true, seconds: 4 }, regions, 4, 0.05);
  held.move(4.04);
  assert.deepEqual([held.isMoved, held.seconds], [false, 4]);
  held.move(5);
  held.move(4);
  assert.deepEqual([held.isMoved, held.seconds], [true, 4]);
});
