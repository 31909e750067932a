import assert from "node:assert/strict";
import test from "node:test";
import { History } from "../../../kikitori/page/static/history.js";

test("each change is undone and redone, and a new one ends redoing", () => {
  const history = new History();
  history.note("a");
  history.note("b");
  assert.equal(history.undo("c"), "b");
  assert.equal(history.undo("b"), "a");
  assert.equal(history.undo("a"), undefined);
  assert.equal(history.redo("a"), "b");
  assert.equal(history.redo("b"), "c");
  assert.equal(history.redo("c"), undefined);
  assert.equal(history.undo("c"), "b");
  history.note("b");
  assert.equal(history.canRedo, false);
  assert.equal(history.undo("d"), "b");
});

test("changes of one group are one step", () => {
  const history = new History();
  history.note("", "typing 1");
  history.note("a", "typing 1");
  history.note("ab", "typing 2");
  assert.equal(history.undo("abc"), "ab");
  assert.equal(history.undo("ab"), "");
  assert.equal(history.canUndo, false);
  history.note("", "typing 2");
  history.endGroup();
  history.note("x", "typing 2");
  assert.equal(history.undo("xy"), "x");
});

test("only the last 500 steps are kept", () => {
  const history = new History();
  for (let step = 0; step < 600; step++) history.note(step);
  let state = 600;
  while (history.canUndo) state = history.undo(state);
  assert.equal(state, 100);
});
