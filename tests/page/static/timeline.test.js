// The timeline's keys.
import assert from "node:assert/strict";
import { test } from "node:test";

import { timeOfKey } from "../../../kikitori/page/static/timeline.js";

test("arrow keys move by 5 seconds, page keys by 30, Home and End to the ends", () => {
  const from60 = (key) => timeOfKey(key, 60, 100);
  assert.deepEqual(["ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"].map(from60), [55, 55, 65, 65]);
  assert.deepEqual(["PageDown", "PageUp", "Home", "End"].map(from60), [30, 90, 0, 100]);
  assert.deepEqual([timeOfKey("ArrowLeft", 3, 100), timeOfKey("PageUp", 90, 100)], [0, 100]);
  assert.deepEqual(["Enter", " ", "a", "Tab"].map(from60), [null, null, null, null]);
});
