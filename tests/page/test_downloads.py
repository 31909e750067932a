"""The Download menu, in headless Chromium."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from docx import Document
from playwright.sync_api import expect

from kikitori.page.files import FORMATS
from tests.support.browser import (
    DOWNLOADS,
    VIEW_OF,
    choose_download,
    choose_option,
    download_button,
    open_tab,
    run_to_the_end,
    saved,
    saved_bytes,
    shown_lines,
    transcribed,
    upload,
    visit,
)
from tests.support.recordings import RECORDINGS, one_recording, recordings_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(browser, server):
    with visit(browser, server, permissions=["clipboard-read", "clipboard-write"]) as page:
        yield page


def test_the_menu_works_by_keyboard_and_has_no_speakers_where_there_are_none(page):
    panel = transcribed(page, "pt", one_recording("pt").path)
    button, items = download_button(panel), panel.get_by_role("menuitem")
    names = [text for suffix, text in DOWNLOADS.items() if suffix != "rttm"]
    button.focus()
    page.keyboard.press("ArrowDown")
    assert items.all_inner_texts() == names
    serious = [
        found["id"] for found in Axe().run(page).response["violations"] if found["impact"] in ("serious", "critical")
    ]
    assert serious == []
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(items.first).to_be_focused()
    for key, number in (("ArrowUp", -1), ("ArrowDown", 0), ("ArrowDown", 1), ("End", -1), ("Home", 0)):
        page.keyboard.press(key)
        expect(items.nth(number)).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "false")
    expect(items).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(items.last).to_be_focused()
    page.keyboard.press("Tab")
    expect(items).to_have_count(0)
    expect(button).not_to_be_focused()
    button.focus()
    page.keyboard.press("Enter")
    with page.expect_download() as caught:
        page.keyboard.press("Enter")
    assert caught.value.path().read_text(encoding="utf-8") == one_recording("pt").reference + "\n"
    expect(button).to_be_focused()


def test_the_menu_closes_when_something_else_is_clicked(page):
    panel = transcribed(page, "pt", one_recording("pt").path)
    download_button(panel).click()
    expect(panel.get_by_role("menu")).to_be_visible()
    panel.locator(".about").click()
    expect(panel.get_by_role("menu")).to_have_count(0)
    download_button(panel).click()
    download_button(panel).click()
    expect(panel.get_by_role("menu")).to_have_count(0)


def test_the_texts_of_a_translation_are_chosen_and_named(page):
    recording = one_recording("ja2en")
    panel = open_tab(page, "ja2en")
    upload(panel, recording.path)
    choose_option(panel, "Show original beside translation")
    run_to_the_end(panel, "ja2en")
    stem, said, written = recording.path.stem, recording.said, recording.reference
    assert saved(page, panel, "txt") == (f"{stem}.en-ja.txt", f"{written}\n{said}\n\n")
    for choice, name, text in (("Original only", f"{stem}.ja", said), ("Translation only", f"{stem}.en", written)):
        download_button(panel).click()
        panel.get_by_role("menuitemradio", name=choice).click()
        expect(panel.get_by_role("menuitemradio", name=choice)).to_be_checked()
        expect(panel.get_by_role("menuitemradio", checked=True)).to_have_count(1)
        page.keyboard.press("Escape")
        assert saved(page, panel, "txt") == (f"{name}.txt", f"{text}\n")
        assert saved(page, panel, "srt")[0] == f"{name}.srt"


def test_a_call_can_be_saved_as_a_document_and_as_text_with_times(page):
    recording = one_recording("diarize")
    panel = transcribed(page, "diarize", recording.path)
    name, content = saved_bytes(page, panel, "docx")
    heading, *turns = [paragraph.text for paragraph in Document(io.BytesIO(content)).paragraphs]
    assert (name, heading) == (f"{recording.path.stem}.docx", recording.path.stem)
    assert [text.split("\n")[1] for text in turns] == [turn.text for turn in recording.turns]
    name, text = saved(page, panel, "times.txt")
    assert name == f"{recording.path.stem}.times.txt"
    assert re.sub(r"^\d+:\d\d ", "", text, flags=re.MULTILINE) == shown_lines(recording)


def test_everything_is_one_zip_with_every_recording(page):
    recordings = recordings_in(RECORDINGS, "pt")[:2]
    panel = open_tab(page, "pt")
    upload(panel, *(recording.path for recording in recordings))
    run_to_the_end(panel, "pt")
    name, content = saved_bytes(page, panel, "zip")
    assert re.fullmatch(r"transcripts-\d{4}-\d\d-\d\d-\d{4}\.zip", name)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert set(archive.namelist()) == {
            f"{recording.path.stem}.{suffix}" for recording in recordings for suffix in FORMATS if suffix != "rttm"
        }
        for recording in recordings:
            assert archive.read(f"{recording.path.stem}.txt").decode() == recording.reference + "\n"
        assert archive.read(f"{recordings[0].path.stem}.srt").decode() == saved(page, panel, "srt")[1]
    page.route(re.compile("component_server"), lambda route: route.abort(), times=1)
    choose_download(panel, "zip")
    expect(panel.get_by_role("alert")).to_contain_text("save the recordings one by one")


def test_the_page_says_when_the_browser_refuses_to_copy(page):
    panel = transcribed(page, "pt", one_recording("pt").path)
    page.evaluate("() => { Clipboard.prototype.write = () => Promise.reject(new DOMException('', 'NotAllowedError')) }")
    panel.get_by_role("button", name="Copy").click()
    expect(panel.get_by_role("alert")).to_contain_text("does not let this page copy")
    expect(panel.get_by_role("button", name="Copy", exact=True)).to_be_visible()


A_DAY_LATER = """{
    const RealDate = Date;
    const later = RealDate.now() - performance.now() + 24 * 60 * 60 * 1000;
    Date = class extends RealDate {
        constructor(...parts) { super(...(parts.length ? parts : [Date.now()])); }
        static now() { return later + performance.now(); }
    };
}"""
"""JavaScript that sets the page's clock forward."""


@pytest.fixture
def new_page(browser, server):
    with visit(browser, server) as page:
        yield page


def test_a_recording_of_the_microphone_is_named_after_its_time(new_page, tmp_path):
    """Gradio calls it audio.wav."""
    path = tmp_path / "audio.wav"
    path.write_bytes(one_recording("pt").path.read_bytes())
    panel = open_tab(new_page, "pt")
    panel.get_by_label("Reference text").fill(one_recording("pt").reference)
    before = datetime.now()
    panel = transcribed(new_page, "pt", path)
    shown = panel.locator(".score-card .recording")
    expect(shown).to_have_text(re.compile(r"^recording-.*\.wav$"))
    name = shown.inner_text().removesuffix(".wav")
    assert f"{before:recording-%Y-%m-%d-%H%M}" <= name <= f"{datetime.now():recording-%Y-%m-%d-%H%M}"
    assert saved(new_page, panel, "srt")[0] == f"{name}.srt"
    new_page.evaluate(f"({VIEW_OF})().keeper.saveNow()")
    new_page.add_init_script(A_DAY_LATER)
    new_page.reload()
    panel = open_tab(new_page, "pt")
    panel.locator(".turn").first.wait_for()
    assert saved(new_page, panel, "srt")[0] == f"{name}.srt"
    panel.get_by_role("button", name="New transcript").click()
    expect(panel.locator(".projects .open")).to_have_text([f"{name}.wav"])
