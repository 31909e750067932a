"""Several recordings in one job: the state of each, the one that is shown, and trying again one that failed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.audio.files import load_audio
from tests.support.browser import VIEW_OF, open_tab, run_to_the_end, start_again, upload, visit, wait_for_end, words
from tests.support.recordings import RECORDINGS, recordings_in

pytestmark = pytest.mark.slow
SECONDS_DONE = f"() => ({VIEW_OF})().sheet.transcript.duration_seconds"
SOUND_IS_KEPT = f"""async () => {{
    const {{ id, store }} = ({VIEW_OF})().keeper;
    return (await store.loadSound(id, 0))?.size;
}}"""
STATES = "() => [...document.querySelectorAll('.recordings tbody tr')].map(row => row.cells[2].innerText)"


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


def test_a_recording_that_failed_is_tried_again_and_joins_the_others(page, tmp_path):
    """What is on the server is mended in between, as a fault of the server would be."""
    first, second = recordings_in(RECORDINGS, "pt")[:2]
    bad = tmp_path / "notes.flac"
    bad.write_text("this is no sound")
    panel = open_tab(page, "pt")
    upload(panel, first.path, bad)
    run_to_the_end(panel, "pt")
    expect(panel.get_by_role("alert")).to_contain_text("notes.flac cannot be decoded")
    panel.get_by_role("button", name="Try again").click()
    wait_for_end(panel)
    expect(panel.get_by_role("alert")).to_contain_text("notes.flac cannot be decoded")
    kept = Path(page.evaluate(f"() => ({VIEW_OF})().files[1].path"))
    kept.write_bytes(second.path.read_bytes())
    panel.get_by_role("button", name="Try again").click()
    expect(panel.locator(".words")).to_have_text([second.reference])  # it is shown as soon as it has words
    wait_for_end(panel)
    assert page.evaluate(STATES) == ["Done", "Done"]
    panel.get_by_role("button", name=first.path.name).click()
    assert words(panel) == [first.reference]
    start_again(panel)
    expect(panel.locator(".projects li")).to_have_count(1)  # all of it is one project
    panel.locator(".projects .open").click()
    expect(panel.locator(".recordings tbody tr")).to_have_count(2)


def test_what_was_stopped_goes_on_in_the_same_direction_after_a_reload(page, tmp_path):
    """The server has deleted the recording in between: the browser sends it again."""
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "ja2en")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 8), 16000)
    panel = open_tab(page, "ja2en")
    upload(panel, tmp_path / "talk.flac")
    panel.locator(".runs").click()
    panel.locator(".turn").first.wait_for()
    panel.get_by_role("button", name="Stop", exact=True).click()
    go_on = panel.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible()
    page.wait_for_function(SOUND_IS_KEPT)
    done, stopped_at = words(panel)[:-1], page.evaluate(SECONDS_DONE)
    page.reload()
    expect(panel.locator(".recordings")).to_contain_text("Stopped")
    Path(page.evaluate(f"() => ({VIEW_OF})().sheet.sound")).unlink()
    go_on.click()
    expect(panel.locator(".recordings tbody tr")).to_have_count(2)
    wait_for_end(panel)
    assert page.evaluate(STATES) == ["Incomplete", "Stopped"]  # the tiny checkpoint leaves some words in Japanese
    expect(go_on).to_be_hidden()
    shown = page.evaluate(f"() => ({VIEW_OF})().sheet.transcript")
    assert shown["direction"] == "ja2en"
    assert shown["duration_seconds"] == pytest.approx(8 * len(once) / 16000, abs=0.1)
    assert 0 < stopped_at < shown["duration_seconds"]
    assert [turn["text"] for turn in shown["turns"]][: len(done)] == done


def test_if_all_recordings_fail_the_start_says_why(page, tmp_path):
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_text("this is no sound")
    panel = open_tab(page, "pt")
    upload(panel, tmp_path / "one.wav", tmp_path / "two.wav")
    panel.locator(".runs").click()
    for name in ("one.wav", "two.wav"):
        expect(panel.get_by_role("alert")).to_contain_text(f"{name} cannot be decoded")
    assert panel.locator(".start").is_visible()
