"""What the page does with a transcript: translate it, or move it to another tab."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser import (
    EXAMPLE_OF,
    HINTS,
    VIEW_OF,
    call_transcribed,
    choose_option,
    open_tab,
    rename,
    retype,
    run_to_the_end,
    saved,
    saved_transcript,
    shown_panel,
    speakers,
    transcribed,
    upload,
    visit,
    wait_for_end,
    wait_until,
    words,
)
from tests.support.recordings import example, one_recording

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


def test_a_call_is_translated_with_one_click(page):
    """It keeps the visitor's corrections, also after a reload, and the subtitles name the speaker.

    While the job waits, nothing can be changed that it would not know.
    """
    panel = call_transcribed(page)
    rename(panel, "Speaker 1", "Reception")
    retype(panel, 1, "お弁当です。")
    retype(panel, 2, "")
    said, named = words(panel), speakers(panel)
    assert said[1] == "お弁当です。"
    page.evaluate(f"({VIEW_OF})().keeper.saveNow()")
    page.reload()
    panel = shown_panel(page)
    assert words(panel) == said
    translate = panel.get_by_role("button", name="Translate into English")
    assert panel.locator(".words[contenteditable]").count() > 1
    waiting = []
    page.route(re.compile("/queue/join"), lambda route: waiting.append(route), times=1)
    translate.click()
    expect(panel.locator(".words[contenteditable]")).to_have_count(0)
    expect(panel.get_by_role("button", name="New transcript")).to_be_disabled()
    wait_until(page, lambda: waiting)
    waiting[0].continue_()
    names = ["call_appointment.flac · Japanese", "call_appointment.flac · English"]
    shown = panel.locator(".recordings [aria-current]")
    expect(shown).to_have_text(names[1])
    wait_for_end(panel)
    assert panel.locator(".recordings .open").all_inner_texts() == names
    expect(translate).to_be_hidden()  # what is shown is the translation
    assert panel.locator(".turn .source").all_inner_texts() == said
    assert speakers(panel) == named
    name, subtitles = saved(page, panel, "srt")
    assert name == "call_appointment.en-ja.srt"
    assert all(f"[Reception]: {text}" in subtitles for text in words(panel)[:1])
    panel.get_by_role("button", name=names[0]).click()
    assert words(panel) == said
    assert saved(page, panel, "srt")[0] == "call_appointment.srt"


@pytest.mark.parametrize("direction", ["en2ja", "ja2en"])
def test_a_translation_is_shown_with_its_source(page, direction):
    recording = one_recording(direction)
    panel = open_tab(page, direction)
    upload(panel, recording.path)
    choose_option(panel, "Show original beside translation")
    run_to_the_end(panel, direction)
    assert words(panel) == [recording.reference]
    said = panel.locator(".turn .source")
    assert said.all_inner_texts() == [recording.said]
    assert saved(page, panel, "srt")[1].splitlines()[2:4] == [recording.reference, recording.said]
    said.click()
    page.keyboard.press("Home")
    page.keyboard.insert_text("Ah. ")
    page.keyboard.press("Enter")
    assert said.all_inner_texts() == ["Ah.", recording.said]
    assert "".join(words(panel)).replace(" ", "") == recording.reference.replace(" ", "")
    page.keyboard.press("Backspace")
    shown = panel.get_by_label("Languages shown")
    shown.select_option("Original")
    assert said.all_inner_texts() == [f"Ah. {recording.said}" if direction == "en2ja" else f"Ah.{recording.said}"]
    assert not panel.locator(".words").is_visible()
    page.keyboard.press("Control+z")
    assert said.all_inner_texts() == ["Ah.", recording.said]
    page.keyboard.press("Alt+ArrowUp")
    expect(said.first).to_be_focused()
    page.keyboard.press("Control+h")  # only what is shown is searched
    panel.get_by_label("Find", exact=True).fill("ah")
    panel.get_by_role("button", name="Next", exact=True).click()
    assert page.evaluate("getSelection().toString()") == "Ah"
    panel.get_by_label("Replace with").fill("Oh")
    panel.get_by_role("button", name="Replace all").click()
    assert said.all_inner_texts() == ["Oh.", recording.said]
    expect(shown).to_have_value("original")
    shown.select_option("Both")
    retype(panel, 0, "")  # the row keeps its original
    assert said.all_inner_texts() == ["Oh.", recording.said]
    assert [(turn.text, turn.source) for turn in saved_transcript(page, panel).turns] == [
        ("", "Oh."),
        (words(panel)[1], recording.said),
    ]
    assert saved(page, panel, "srt")[1].splitlines()[2] == "Oh."
    said.first.fill("")
    said.first.blur()
    assert panel.locator(".turn:visible").count() == 1


def test_a_recording_in_another_language_is_moved_to_its_tab_with_one_click(page):
    english = example(EXAMPLE_OF["en2ja"])
    panel = transcribed(page, "pt", english.path)
    warning = panel.locator(".speech-warning").filter(has_text="seems to be in English, not in Portuguese")
    warning.get_by_role("button", name="Translate it into Japanese").click()
    moved = shown_panel(page)
    expect(moved).to_contain_text(HINTS["en2ja"])
    expect(moved.locator(".turn .words")).to_have_text([english.reference])
    expect(moved.locator(".speech-warning")).to_have_count(0)
