"""Rows with something to check: unsure words, and the limits of subtitles."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import expect

from kikitori.output.line_breaks import columns_of
from tests.support.browser import open_tab, retype, run_to_the_end, saved, transcribed, upload, visit, words
from tests.support.recordings import example, one_recording

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(browser, server):
    with visit(browser, server) as page:
        yield page


@pytest.fixture
def panel(page):
    return transcribed(page, "diarize", example("call_order").path)


TURNS = [turn.text for turn in example("call_order").turns]


@pytest.fixture
def unsure(page):
    """The panel of a transcript with two unsure places, and its text."""
    panel = open_tab(page, "pt")
    upload(panel, one_recording("pt").path)
    run_to_the_end(panel, "pt")
    page.evaluate(
        """() => {
            const view = speechPage.views.find(({ tab, sheet }) => tab === "portuguese" && sheet);
            const turns = view.sheet.transcript.turns.map(turn => ({ ...turn, low_confidence: [[0, 3], [4, 7]] }));
            view.put({ ...view.sheet, transcript: { ...view.sheet.transcript, turns } });
        }"""
    )
    return panel, words(panel)[0]


def selected(page) -> str:
    return page.evaluate("getSelection().toString()")


def test_unsure_words_are_shown_one_by_one_and_ticked_off(page, unsure):
    panel, text = unsure
    panel.get_by_role("button", name="Unsure words: 2").click()
    assert selected(page) == text[0:3]
    panel.get_by_role("button", name="Unsure word 1 of 2").click()
    assert selected(page) == text[4:7]
    panel.get_by_role("button", name="Checked").click()
    expect(panel.locator(".words mark")).to_have_count(1)
    assert selected(page) == text[0:3]
    panel.get_by_role("button", name="Checked").click()
    expect(panel.locator(".words mark")).to_have_count(0)
    expect(panel.locator(".next-unsure")).to_be_hidden()
    assert words(panel) == [text]


def test_a_corrected_unsure_word_does_not_tick_off_another(page, unsure):
    panel, text = unsure
    panel.get_by_role("button", name="Unsure words: 2").click()
    page.keyboard.type("Boa")
    assert words(panel) == ["Boa" + text[3:]]
    expect(panel.get_by_role("button", name="Checked")).to_be_disabled()
    page.keyboard.press("Alt+k")
    expect(panel.get_by_role("button", name="Unsure words: 1")).to_be_visible()
    page.keyboard.press("Alt+u")
    assert selected(page) == text[4:7]


def test_rows_that_are_too_fast_or_too_long_as_subtitles_are_marked(page, panel):
    ends, speeds, lengths = (panel.locator(f".limit.{kind}") for kind in ("until", "pace", "size"))
    assert not speeds.first.is_visible()
    panel.get_by_role("button", name="Subtitle limits").click()
    assert speeds.first.is_visible()
    times = page.evaluate(
        """() => {
            const view = speechPage.views.find(({ tab, sheet }) => tab === "diarize" && sheet);
            view.put({ ...view.sheet, times: [[0, 60], ...view.sheet.times.slice(1)] });
            return view.sheet.times;
        }"""
    )
    assert ends.first.inner_text() == "–1:00.0 !"
    expect(panel.get_by_text("↑\u00a0overlap with an earlier row")).to_be_visible()  # the figures are explained
    overlaps = panel.locator(".limit.overlap:visible")
    expect(overlaps).to_have_count(len(times) - 1)
    start, end = times[1]
    seconds = f"{math.floor(round(100 * (end - start), 6)) / 100:g} sec"
    assert overlaps.first.inner_text() == f"↑ {seconds} !"
    assert overlaps.first.get_attribute("title").startswith(f"Overlaps an earlier row by {seconds}")
    assert ends.first.get_attribute("title").startswith("1 min, longer than the 7 sec of one subtitle")
    assert ["!" in text for text in ends.all_inner_texts()] == [end - start > 7 for start, end in times]
    characters = [columns_of(text) / 2 for text in TURNS]
    expected = [length / (end - start) for length, (start, end) in zip(characters, times, strict=True)]
    shown = speeds.all_inner_texts()
    assert [float(text.rstrip(" !")) for text in shown] == pytest.approx(expected, abs=0.06)
    assert ["!" in text for text in shown] == [speed > 6 for speed in expected]
    assert len({"!" in text for text in shown}) == 2
    assert lengths.all_inner_texts() == [f"{length:g}/40" for length in characters]  # two lines of 20
    retype(panel, 0, "あ" * 41)
    assert lengths.first.inner_text() == "41/40 !"
    assert "41 characters" in lengths.first.get_attribute("title")
    lines = [subtitle.splitlines()[2:] for subtitle in saved(page, panel, "srt")[1].split("\n\n") if subtitle]
    assert len([text for text in lines if "あああ" in "".join(text)]) == 2  # the file splits the row
