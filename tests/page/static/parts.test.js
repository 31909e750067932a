import assert from "node:assert/strict";
import test from "node:test";
import { cutRows } from "../../../kikitori/page/static/parts.js";

const rows = (count) => Array.from({ length: count }, (_, number) => number);

test("a short transcript is one list, also without rows", () => {
  assert.deepEqual([0, 1, 200].map(rows).map(cutRows), [[[]], [[0]], [rows(200)]]);
});

test("a long transcript is cut into lists of 50 rows, in order", () => {
  const parts = cutRows(rows(201));
  assert.deepEqual(
    parts.map((part) => part.length),
    [50, 50, 50, 50, 1],
  );
  assert.deepEqual(parts.flat(), rows(201));
});
