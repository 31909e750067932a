import assert from "node:assert/strict";
import test from "node:test";
import { oneLine, placeInSheet } from "../../../kikitori/page/static/caret.js";

test("a cursor in pasted lines is found in the one line that the sheet keeps", () => {
  const typed = "  one\n\n\n two\nthree";
  const kept = oneLine(typed).trim();
  assert.equal(kept, "one two three");
  assert.equal(kept.slice(placeInSheet(typed, typed.indexOf("wo"))), "wo three");
  assert.equal(kept.slice(placeInSheet(typed, typed.indexOf("hree"))), "hree");
  assert.equal(placeInSheet(typed, 1), 0);
});
