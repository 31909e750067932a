// The timeline's zoom: which part of a recording is shown.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  anchor,
  followed,
  isClosest,
  limitPart,
  pinched,
  scrolled,
  shareOf,
  timeAt,
  whole,
  zoomed,
} from "../../../kikitori/page/static/zoom.js";

test("times and places lead to each other at every zoom, and a pointer outside stays at the ends", () => {
  const part = { from: 40, span: 20 };
  assert.deepEqual(
    [40, 45, 60, 30, 80].map((seconds) => shareOf(seconds, part)),
    [0, 0.25, 1, -0.5, 2],
  );
  assert.deepEqual(
    [0, 200, 800, -5, 900].map((x) => timeAt(x, 800, part)),
    [40, 45, 60, 40, 60],
  );
  assert.equal(shareOf(30, whole(120)), 0.25);
  assert.deepEqual([shareOf(5, whole(0)), timeAt(5, 0, whole(0))], [0, 0]);
});

test("zooming keeps the sound where it is", () => {
  assert.deepEqual(zoomed(whole(100), 2, 0.5, 100), { from: 25, span: 50 });
  assert.deepEqual(zoomed(whole(100), 2, 0, 100), { from: 0, span: 50 });
  const part = zoomed({ from: 20, span: 40 }, 4, 0.75, 100);
  assert.equal(timeAt(75, 100, part), 50);
  assert.equal(part.span, 10);
});

test("a view ends where the recording does, and is neither longer than it nor shorter than 5 seconds", () => {
  assert.deepEqual(zoomed({ from: 60, span: 30 }, 0.5, 0.5, 100), { from: 40, span: 60 });
  assert.deepEqual(zoomed({ from: 60, span: 30 }, 0.1, 0.5, 100), whole(100));
  assert.deepEqual(zoomed(whole(100), 1000, 0.5, 100), { from: 47.5, span: 5 });
  assert.deepEqual(zoomed(whole(3), 2, 0.5, 3), whole(3));
  assert.deepEqual(
    [whole(3), { from: 0, span: 6 }, { from: 50, span: 5 }].map((part) => isClosest(part, 100)),
    [true, false, true],
  );
  assert.ok(isClosest(whole(3), 3));
});

test("a recording that has become shorter or longer keeps the part if it can", () => {
  assert.deepEqual(limitPart({ from: 90, span: 20 }, 100), { from: 80, span: 20 });
  assert.deepEqual(limitPart({ from: 90, span: 20 }, 10), whole(10));
  assert.deepEqual(limitPart({ from: 90, span: 20 }, 500), { from: 90, span: 20 });
});

test("scrolling stops at both ends", () => {
  const part = { from: 10, span: 20 };
  assert.deepEqual(
    [5, -50, 500].map((seconds) => scrolled(part, seconds, 100).from),
    [15, 0, 80],
  );
});

test("the sound between two fingers stays between them", () => {
  const part = pinched({ from: 40, span: 40 }, [0.25, 0.5], [0.25, 0.75], 100);
  assert.deepEqual(part, { from: 45, span: 20 });
  assert.deepEqual(
    [25, 75].map((x) => timeAt(x, 100, part)),
    [50, 60],
  ); // as before at 25 and 50
  assert.deepEqual(pinched({ from: 40, span: 20 }, [0.5, 0.75], [0.375, 0.625], 100), { from: 42.5, span: 20 });
  assert.ok(pinched(whole(100), [0.5, 0.5], [0.5, 0.6], 100).span > 5);
});

test("the view follows the playhead past its edge, but not once somebody has scrolled away", () => {
  const part = { from: 40, span: 20 };
  assert.equal(followed(part, 50, 55, 100, false), part);
  assert.deepEqual(followed(part, 59.9, 60.5, 100, false), { from: 58.5, span: 20 });
  assert.equal(followed(part, 20, 20.5, 100, false), part);
  assert.deepEqual(followed(part, 59.9, 99, 100, false), { from: 80, span: 20 });
});

test("what the visitor jumps to is shown", () => {
  const part = { from: 40, span: 20 };
  assert.deepEqual(followed(part, 20, 80, 100, true), { from: 70, span: 20 });
  assert.deepEqual(followed(part, 50, 2, 100, true), { from: 0, span: 20 });
  assert.equal(followed(part, 20, 50, 100, true), part);
});

test("buttons zoom around the playhead, or the middle if it is out of sight", () => {
  assert.equal(anchor({ from: 40, span: 20 }, 45), 0.25);
  assert.equal(anchor({ from: 40, span: 20 }, 20), 0.5);
});
