"""How recordings come to the page: dropped anywhere, and one job at a time in a tab."""

from __future__ import annotations

import base64

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.audio.files import load_audio
from tests.support.browser import open_tab, run_button, shown_panel, upload, visit, wait_for_end, words
from tests.support.recordings import RECORDINGS, example, one_recording, recordings_in

pytestmark = pytest.mark.slow

DROP = """([files, selector]) => {
    const dropped = new DataTransfer();
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
        dropped.items.add(new File([bytes], name, { type: "audio/flac" }));
    }
    const event = type => new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: dropped });
    const target = document.querySelector(selector);
    target.dispatchEvent(event("dragover"));
    return target.dispatchEvent(event("drop"));
}"""


INERT = "part => part.inert"


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


def drop(page, *paths) -> bool:
    """Drop files beside all boxes; returns whether the browser would open them."""
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    return page.evaluate(DROP, [files, "h1"])


def test_a_file_dropped_beside_the_box_is_uploaded(page):
    panel = open_tab(page, "pt")
    assert not drop(page, one_recording("pt").path)
    files = panel.locator(".block.files")
    expect(files).to_contain_text(one_recording("pt").path.stem)
    run_button(panel, "pt").click()
    assert words(panel) == [one_recording("pt").reference]
    wait_for_end(panel)
    other = recordings_in(RECORDINGS, "pt")[1]
    drop(page, other.path)  # in place of the first, whose transcript is kept
    expect(files).to_contain_text(other.path.stem)
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(1)
    expect(panel.locator(".projects .open")).to_have_text(one_recording("pt").path.name)
    run_button(panel, "pt").click()
    expect(panel.locator(".words")).to_have_text([other.reference])


def test_several_dropped_files_are_uploaded_together(page):
    panel = open_tab(page, "pt")
    drop(page, *(recording.path for recording in recordings_in(RECORDINGS, "pt")[:2]))
    expect(panel.get_by_role("link").filter(has_text="⇣")).to_have_count(2)


def test_while_a_job_runs_its_tab_takes_no_other_recording(page, tmp_path):
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 40), 16000)
    panel = open_tab(page, "pt")
    upload(panel, tmp_path / "talk.flac")
    run_button(panel, "pt").click()
    panel.locator(".turn").first.wait_for()
    assert panel.locator(".start").evaluate(INERT) and panel.locator(".examples").first.evaluate(INERT)
    drop(page, example("portuguese_daily").path)
    page.get_by_role("tab").first.click()  # the other tabs are free
    assert not shown_panel(page).locator(".start").evaluate(INERT)
    page.get_by_role("tab").nth(2).click()
    panel.get_by_role("button", name="Stop").click()
    wait_for_end(panel)
    assert (
        page.evaluate("speechPage.views.find(({ tab }) => tab === 'portuguese').sheet.transcript.audio") == "talk.flac"
    )
    assert not panel.locator(".start").evaluate(INERT)
