"""Editing a transcript on the page: rows, texts, speakers, find and replace."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.support.browser import choose_speaker, put_cursor, rename, saved, speakers, words
from tests.support.recordings import example

pytestmark = pytest.mark.slow


TURNS = [turn.text for turn in example("call_appointment").turns]


def test_a_text_is_typed_without_a_mode_and_marks_stay(page, panel):
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("ええと、")
    assert words(panel) == ["ええと、" + TURNS[0], *TURNS[1:]]
    assert saved(page, panel, "txt")[1].splitlines()[0] == f"[Speaker 1]: ええと、{TURNS[0]}"


def test_enter_splits_a_row_and_backspace_joins_it_again(page, panel):
    put_cursor(page, panel, 1, 3)
    page.keyboard.press("Enter")
    assert words(panel) == [TURNS[0], TURNS[1][:3], TURNS[1][3:], *TURNS[2:]]
    assert speakers(panel)[1] == speakers(panel)[2]
    page.keyboard.type("X")  # the cursor is at the start of the second part
    assert words(panel)[2] == "X" + TURNS[1][3:]
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    assert words(panel) == TURNS
    page.keyboard.type("Y")  # the cursor is where the parts were joined
    assert words(panel)[1] == TURNS[1][:3] + "Y" + TURNS[1][3:]


def test_a_split_row_has_times_of_its_own_in_every_file(page, panel):
    put_cursor(page, panel, 1, 3)
    page.keyboard.press("Enter")
    turns = json.loads(saved(page, panel, "json")[1])["turns"]
    assert [turn["text"] for turn in turns] == words(panel)
    times = [(turn["start_seconds"], turn["end_seconds"]) for turn in turns]
    assert times[1][1] == times[2][0] and times == sorted(times)


def test_everything_is_undone_and_redone(page, panel):
    before = speakers(panel)
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("あ")
    choose_speaker(panel, 0, "New speaker")
    assert speakers(panel)[0] == "Speaker 3"
    rename(panel, "Speaker 2", "Speaker 1")
    panel.locator(".words").nth(1).click()
    for undone in (["Speaker 3", *before[1:]], before, before):
        page.keyboard.press("Control+z")
        assert speakers(panel) == undone
    assert words(panel) == TURNS
    for _ in range(3):
        page.keyboard.press("Control+Shift+z")
    assert words(panel)[0] == "あ" + TURNS[0]
    assert set(speakers(panel)) == {"Speaker 3", "Speaker 1"}
    assert panel.get_by_role("button", name="Redo").is_disabled()


def test_words_are_found_and_replaced_with_a_count(page, panel):
    letter = "。"
    count = sum(text.count(letter) for text in TURNS)
    panel.locator(".words").first.click()
    page.keyboard.press("Control+h")
    page.keyboard.type(letter)
    expect(panel.locator(".count")).to_have_text(f"0 of {count}")
    panel.get_by_role("button", name="Next", exact=True).click()
    expect(panel.locator(".count")).to_have_text(f"1 of {count}")
    panel.get_by_label("Replace with").fill("！")
    panel.get_by_role("button", name="Replace", exact=True).click()
    assert words(panel)[0] == TURNS[0].replace(letter, "！", 1)
    panel.get_by_role("button", name="Replace all").click()
    expect(panel.locator(".count")).to_have_text(f"{count - 1} replaced")
    assert words(panel) == [text.replace(letter, "！") for text in TURNS]
    panel.locator(".words").first.click()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert words(panel) == TURNS


def test_the_only_row_of_a_speaker_can_be_emptied_and_written_anew(page, panel):
    choose_speaker(panel, 1, "New speaker")
    panel.locator(".words").nth(1).click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Backspace")
    page.keyboard.type("はい。")
    assert words(panel) == [TURNS[0], "はい。", *TURNS[2:]]
    assert speakers(panel)[1] == "Speaker 3"


def test_the_keys_are_listed(page, panel):
    panel.get_by_role("button", name="Keyboard shortcuts").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Next unsure word")
    expect(dialog.get_by_role("row").filter(has_text="Alt+↓")).to_have_text("Alt+↓Next row")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
