"""How recordings come to the page: dropped anywhere, and one job at a time in a tab."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.audio.files import load_audio
from tests.support.browser import (
    VIEW_OF,
    drag,
    drop,
    drop_each,
    open_tab,
    run_button,
    shown_panel,
    start_again,
    upload,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import RECORDINGS, example, one_recording, recordings_in

pytestmark = pytest.mark.slow

SECONDS_DONE = f"() => ({VIEW_OF})().sheet.transcript.duration_seconds"
OVER_FILES = ".block.files .icon-button-wrapper button"
INERT = "part => part.inert"


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


def test_a_file_dropped_beside_the_box_is_uploaded(page):
    panel = open_tab(page, "pt")
    assert not drop(page, one_recording("pt").path)
    files = panel.locator(".block.files")
    expect(files).to_contain_text(one_recording("pt").path.stem)
    run_button(panel, "pt").click()
    assert words(panel) == [one_recording("pt").reference]
    wait_for_end(panel)
    other = recordings_in(RECORDINGS, "pt")[1]
    drag(page, other.path)
    expect(page.get_by_text("Drop recordings or a project file here")).to_be_visible()
    drop(page, other.path)  # in place of the first, whose transcript is kept
    expect(page.locator(".drop-hint")).to_be_hidden()
    expect(files).to_contain_text(other.path.stem)
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(1)
    expect(panel.locator(".projects .open")).to_have_text(one_recording("pt").path.name)
    run_button(panel, "pt").click()
    expect(panel.locator(".words")).to_have_text([other.reference])
    wait_for_end(panel)
    start_again(panel)
    expect(files.get_by_role("link")).to_have_count(0)  # the next job is not about this recording


def test_several_dropped_files_are_uploaded_together_and_the_next_choice_takes_their_place(page):
    """Gradio would add it, and end the page's script if a file came twice."""
    panel = open_tab(page, "pt")
    one, other, third = (recording.path for recording in recordings_in(RECORDINGS, "pt")[:3])
    links = panel.get_by_role("link").filter(has_text="⇣")
    drop(page, one, other)
    expect(links).to_have_count(2)
    choose(page, panel, other)
    expect(links).to_have_count(1)
    choose(page, panel, other, one)
    expect(links).to_have_count(2)
    drop(page, one, place=OVER_FILES)
    expect(links).to_have_count(1)
    expect(panel.locator(".block.files")).to_contain_text(one.stem)
    drop_each(page, other, one, third, other)
    expect(panel.locator(".block.files")).to_contain_text(other.stem)
    expect(links).to_have_count(1)


@pytest.mark.parametrize("place", ["", ".block.files button", "h1"], ids=["chosen", "box", "page"])
def test_a_file_that_is_no_recording_is_named_and_the_others_are_taken(page, tmp_path, place):
    """place: where the files are dropped; empty if they are chosen."""
    panel, one = open_tab(page, "pt"), one_recording("pt").path
    (tmp_path / "notes.txt").write_text("this is no sound")
    if place:
        drop(page, one, tmp_path / "notes.txt", place=place)
    else:
        panel.locator(".block.files input[type=file]").set_input_files([one, tmp_path / "notes.txt"])
    expect(page.locator(".speech-toast")).to_contain_text("notes.txt: This file is neither audio nor video.")
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(1)
    expect(panel.locator(".block.files")).to_contain_text(one.stem)


def choose(page, panel, *paths) -> None:
    """Choose files with the button over a list of files."""
    with page.expect_file_chooser() as chooser:
        panel.locator(OVER_FILES).first.click()
    chooser.value.set_files(paths)


def test_while_a_job_runs_its_tab_takes_no_other_recording_and_is_not_left_by_mistake(browser, server, tmp_path):
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 160), 16000)  # 43 minutes: the job outlasts what follows
    asked = []

    def stay_once(dialog):
        asked.append(dialog.type)
        dialog.dismiss() if len(asked) == 1 else dialog.accept()

    with visit(browser, server, answer=stay_once) as page:
        panel = open_tab(page, "pt")
        upload(panel, tmp_path / "talk.flac")
        run_button(panel, "pt").click()
        panel.locator(".turn").first.wait_for()
        assert panel.locator(".start").evaluate(INERT) and panel.locator(".examples").first.evaluate(INERT)
        drag(page, example("portuguese_daily").path)
        expect(page.locator(".drop-hint")).to_be_hidden()
        drop(page, example("portuguese_daily").path)
        expect(page.get_by_role("alert")).to_contain_text("This tab is at work, so the file was not taken.")
        page.get_by_role("tab").first.click()  # the other tabs are free
        assert not shown_panel(page).locator(".start").evaluate(INERT)
        page.get_by_role("tab").nth(2).click()
        done = page.evaluate(SECONDS_DONE)
        page.evaluate("setTimeout(() => location.reload())")
        page.wait_for_function(f"done => ({SECONDS_DONE})() > done", arg=done)  # the job goes on
        assert asked == ["beforeunload"]
        page.reload()
        assert asked == ["beforeunload"] * 2
        expect(panel.locator(".title")).to_have_text("talk.flac")  # in the same tab
        assert not panel.locator(".start").evaluate(INERT)
        page.reload()
        assert len(asked) == 2
