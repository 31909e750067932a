import assert from "node:assert/strict";
import test from "node:test";
import { clock, preciseClock } from "../../../kikitori/page/static/dom.js";

test("a clock shows whole seconds, or tenths, which are rounded", () => {
  assert.deepEqual([5.96, 3661.2].map(clock), ["0:05", "1:01:01"]);
  assert.deepEqual([0, 5.34, 59.96, 3661.25].map(preciseClock), ["0:00.0", "0:05.3", "1:00.0", "1:01:01.3"]);
});
