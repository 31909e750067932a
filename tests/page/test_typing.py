"""Typing in a long transcript: a key changes its own row, and what else depends on a text waits for a pause."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import open_tab, visit

pytestmark = pytest.mark.slow

COUNT = 260
PART = 50
"""Rows of one list (kikitori/page/static/parts.js)."""
OPEN = """count => {
    const turn = number => ({
        speaker: `spk_${number % 2}`, text: `もしもし${number}`, timing: "window", start_seconds: number,
        end_seconds: number + 1, words: [], low_confidence: [[0, 4]], source: "", language: "",
    });
    const transcript = {
        audio: "call.wav", direction: "diarize", language: "Japanese", checkpoint: "tiny", raw_text: "",
        turns: Array.from({ length: count }, (_, number) => turn(number)), warnings: [], duration_seconds: count,
    };
    const times = transcript.turns.map(({ start_seconds, end_seconds }) => [start_seconds, end_seconds]);
    const sheet = { transcript, times, speakers: ["spk_0", "spk_1"], sound: null };
    return speechPage.views[0].keeper.add({ sheets: [sheet], current: 0, references: [] });
}"""


@pytest.fixture(scope="module")
def opened(browser, server):
    with visit(browser, server) as page:
        open_tab(page, "diarize")
        yield page


@pytest.fixture
def page(opened):
    opened.evaluate(OPEN, COUNT)
    return opened


TYPE = """async number => {
    const view = speechPage.views[0];
    const made = [];
    const restored = [];
    const note = (owner, name) => {
        const known = owner[name];
        owner[name] = function (...given) {
            made.push(name);
            return known.apply(this, given);
        };
        restored.push(() => (owner[name] = known));
    };
    note(view, "refresh");
    for (const { prototype } of [Document, Element]) {
        for (const name of ["querySelector", "querySelectorAll", "getElementsByClassName"]) note(prototype, name);
    }
    const text = () => speechPage.shown("diarize").sheets[0].transcript.turns[number].text;
    document.execCommand("insertText", false, "x");
    await null; // what watches the page has run
    const typed = { made: [...made], text: text() };
    document.activeElement.blur();
    const left = made.filter(name => name === "refresh").length;
    for (const restore of restored) restore();
    view.undo();
    return { typed, left, undone: text() };
}"""


def test_a_key_shows_only_its_row_and_searches_nothing(page):
    row = page.locator(".words").nth(COUNT // 2)
    row.click()
    page.keyboard.press("End")
    page.keyboard.type("a")
    seen = page.evaluate(TYPE, COUNT // 2)
    assert seen["typed"] == {"made": [], "text": f"もしもし{COUNT // 2}ax"}
    assert seen["left"] == 1  # the rest is shown when the row is left
    assert seen["undone"] == f"もしもし{COUNT // 2}"


def test_a_pause_shows_what_follows_from_a_text(page):
    expect(page.locator(".next-unsure")).to_contain_text(f"Unsure words: {COUNT}")
    page.locator(".words").first.click()
    page.keyboard.press("Home")
    page.keyboard.press("Delete")
    expect(page.locator(".next-unsure")).to_contain_text(f"Unsure words: {COUNT - 1}")
    assert page.evaluate("document.activeElement.textContent") == "しもし0"


SIZES = "[...document.querySelectorAll('.turns ol')].map(list => list.children.length)"


def test_a_row_that_moves_to_the_next_list_keeps_the_cursor(page):
    assert page.evaluate(SIZES) == [PART] * (COUNT // PART) + [COUNT % PART]
    page.locator(".words").first.click()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(SIZES) == [PART] * (COUNT // PART) + [COUNT % PART + 1]
    moved = page.locator(".turns ol").nth(1).locator(".words").first
    assert moved.text_content() == f"もしもし{PART - 1}"
    moved.click()
    page.keyboard.press("End")
    page.keyboard.press("Control+z")
    page.keyboard.type("!")
    last = page.locator(".turns ol").first.locator(".words").last
    assert last.text_content() == f"もしもし{PART - 1}!"


DEEP_SEARCHES = """() => {
    const found = [];
    const selectorsOf = rule => rule.media ? collect(rule.cssRules) : [rule.selectorText ?? ""];
    const collect = rules => [...rules].flatMap(selectorsOf);
    const readable = [...document.styleSheets].filter(({ ownerNode }) => ownerNode.tagName === "STYLE");
    const selectors = readable.flatMap(({ cssRules }) => collect(cssRules)).filter(text => text.includes(":has("));
    for (let element = document.querySelector(".turn"); element; element = element.parentElement) {
        for (const selector of selectors) {
            const [before, inside] = selector.split(/:has\\((.*)/s);
            if (!inside.trim().startsWith(">") && element.matches(before.split(",").at(-1))) found.push(selector);
        }
    }
    return found;
}"""


def test_no_style_asks_what_is_somewhere_among_the_rows(page):
    """A browser answers `:has` by a search through all of an element, with each key."""
    assert page.evaluate(DEEP_SEARCHES) == []
    page.add_style_tag(content=".rows:has(.none) { color: red }")
    assert page.evaluate(DEEP_SEARCHES) == [".rows:has(.none)"]  # it would be found
