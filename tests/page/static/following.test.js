// Whether a line of the text can be seen.
import assert from "node:assert/strict";
import { test } from "node:test";

import { isSeen } from "../../../kikitori/page/static/following.js";

const WINDOW = { top: 100, bottom: 500 };

test("a line is seen when all of it is", () => {
  assert.equal(isSeen({ top: 100, bottom: 140 }, WINDOW), true);
  assert.equal(isSeen({ top: 460, bottom: 500 }, WINDOW), true);
  assert.equal(isSeen({ top: 90, bottom: 130 }, WINDOW), false);
  assert.equal(isSeen({ top: 480, bottom: 520 }, WINDOW), false);
  assert.equal(isSeen({ top: 600, bottom: 640 }, WINDOW), false);
});

test("half a pixel is not missed", () => {
  assert.equal(isSeen({ top: 99.5, bottom: 500.5 }, WINDOW), true);
});

test("a line that is taller than the window is seen when it begins there", () => {
  assert.equal(isSeen({ top: 100, bottom: 900 }, WINDOW), true);
  assert.equal(isSeen({ top: 90, bottom: 900 }, WINDOW), false);
  assert.equal(isSeen({ top: 510, bottom: 1500 }, WINDOW), false);
});
