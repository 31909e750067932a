"""What the browser keeps of a transcript, and project files."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser import (
    NO_SESSION_STORAGE,
    clear_files,
    drop,
    open_tab,
    put_cursor,
    rename,
    shown_panel,
    speakers,
    start_again,
    transcribed,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import example

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


@pytest.fixture
def panel(page):
    return transcribed(page, "diarize", example("call_order").path)


TURNS = [turn.text for turn in example("call_order").turns]


def open_project(page, panel, path) -> None:
    choose_file(page, panel.get_by_role("button", name="Open a project file"), path)


def add_sound(page, panel, path) -> None:
    choose_file(page, panel.get_by_role("button", name="Add the recording"), path)


def choose_file(page, button, path) -> None:
    with page.expect_file_chooser() as chosen:
        button.click()
    chosen.value.set_files(path)


SOUND_IS_KEPT = """async () => (await indexedDB.databases()).length && (await new Promise(resolve => {
    indexedDB.open('kikitori').onsuccess = ({target}) => {
        const sounds = target.result.transaction('sounds').objectStore('sounds').count();
        sounds.onsuccess = () => resolve(sounds.result);
    };
}))"""


CAN_BE_FETCHED = "address => fetch(address).then(() => true, () => false)"


def kept(page) -> None:
    """Wait until the browser has stored the last change."""
    page.evaluate("() => Promise.all(speechPage.views.map(view => view.keeper.saveNow()))")


def test_a_reload_brings_everything_back(page, panel):
    """Text, speakers, and the sound, even if the server has deleted it."""
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("あ")
    rename(panel, "Speaker 1", "店員")
    kept(page)
    page.wait_for_function(SOUND_IS_KEPT)
    page.route("**/file=**", lambda route: route.abort())
    page.reload()
    panel = shown_panel(page)
    assert words(panel) == ["あ" + TURNS[0], *TURNS[1:]]
    assert set(speakers(panel)) == {"店員", "Speaker 2"}
    page.wait_for_function("() => speechPage.views[0].player.audio.duration > 1")
    address = page.evaluate("speechPage.views[0].sheet.address")
    assert page.evaluate(CAN_BE_FETCHED, address)
    start_again(panel)
    assert not page.evaluate(CAN_BE_FETCHED, address)  # its memory is free again


def test_a_new_job_leaves_the_earlier_transcript_in_the_list(page, panel):
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("あ")
    start_again(panel)
    panel.get_by_text("Hospital appointment").first.click()
    expect(panel.locator(".words").first).to_have_text(example("call_appointment").turns[0].text)
    wait_for_end(panel)
    panel.get_by_role("button", name="New transcript").click()
    names = panel.locator(".projects .open")
    expect(names).to_have_text(["call_appointment.flac", "call_order.flac"])
    names.nth(1).click()
    assert words(panel) == ["あ" + TURNS[0], *TURNS[1:]]
    panel.get_by_role("button", name="New transcript").click()
    panel.get_by_role("button", name="Delete call_order.flac").click()
    expect(names).to_have_text(["call_appointment.flac"])
    page.reload()
    expect(shown_panel(page).locator(".projects .open")).to_have_text(["call_appointment.flac"])


def test_a_project_is_saved_to_a_file_and_opened_again(page, panel, tmp_path):
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("あ")
    panel.get_by_role("button", name="New transcript").click()
    with page.expect_download() as caught:
        panel.get_by_role("button", name="Save as file").click()
    assert caught.value.suggested_filename == "call_order.flac.kikitori.json"
    project = tmp_path / "project.json"
    caught.value.save_as(project)
    panel.get_by_role("button", name="Delete call_order.flac").click()
    broken = tmp_path / "broken.json"
    broken.write_text(project.read_text(encoding="utf-8").replace('"times":[[', '"times":[["<b>",'), encoding="utf-8")
    open_project(page, panel, broken)
    expect(page.get_by_role("alert").filter(has_text="broken.json")).to_contain_text("is no project file")
    other = open_tab(page, "pt")
    clear_files(other)
    drop(page, project, place=".files button")  # Gradio's box, which takes no project
    expect(panel.locator(".player .main")).to_be_disabled()  # in the tab of its direction
    assert words(panel) == ["あ" + TURNS[0], *TURNS[1:]]
    add_sound(page, panel, example("call_appointment").path)
    expect(panel.locator(".player")).to_contain_text("This recording is 0:19 long, and the transcript is of 0:15")
    add_sound(page, panel, example("call_order").path)
    expect(panel.locator(".player")).not_to_contain_text("is it the right file?")
    page.evaluate("() => Promise.all(speechPage.views.map(view => view.keeper.saveNow()))")
    page.reload()
    expect(panel.locator(".player .main")).to_be_enabled()
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")
    for path, sentence in (broken, "is no project file"), (tmp_path / "letter.pdf", "is neither audio nor video"):
        drop(page, path)
        expect(page.get_by_role("alert").filter(has_text=path.name).last).to_contain_text(sentence)
        assert words(panel)[1:] == list(TURNS[1:])  # it stays open


def test_the_page_says_if_the_browser_keeps_nothing(browser, server):
    with visit(browser, server) as page:
        page.add_init_script(NO_SESSION_STORAGE)
        page.add_init_script("IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }")
        page.reload()
        panel = transcribed(page, "diarize", example("call_order").path)
        expect(panel.locator(".speech-warning")).to_contain_text("can't be kept in this browser")
        assert words(panel) == TURNS


def test_a_job_without_a_recording_leaves_the_transcript(page, panel):
    kept(page)
    page.reload()
    panel = shown_panel(page)
    assert words(panel) == TURNS
    start_again(panel)
    panel.get_by_role("button", name="Transcribe", exact=True).click()
    expect(panel.get_by_role("alert")).to_contain_text("There is no recording yet")
    panel.locator(".projects .open").click()
    assert words(panel) == TURNS


def test_two_tabs_that_change_one_transcript_keep_both(page, panel):
    kept(page)
    page.wait_for_function(SOUND_IS_KEPT)
    other = page.context.new_page()
    other.goto(page.url)
    open_tab(other, "diarize").locator(".projects .open").click()
    other.locator(".words").first.wait_for()
    put_cursor(page, panel, 0, 0)
    page.keyboard.type("い")
    page.evaluate("async () => (await speechPage.views[0].keeper.store.database()).close()")  # as a browser may do
    kept(page)
    other.evaluate("() => speechPage.views[0].choose(0)")
    kept(other)  # only what is changed there is worth a copy
    expect(shown_panel(other).locator(".speech-warning")).to_have_count(0)
    page.keyboard.type("ろ")  # nobody else has changed it
    kept(page)
    expect(panel.locator(".speech-warning")).to_have_count(0)
    put_cursor(other, shown_panel(other), 0, 0)
    other.keyboard.type("は")
    kept(other)
    expect(shown_panel(other).locator(".speech-warning")).to_contain_text("kept as a copy")
    other.keyboard.type("に")
    kept(other)
    shown_panel(other).get_by_role("button", name="New transcript").click()
    names = shown_panel(other).locator(".projects .open")
    expect(names).to_have_text(["call_order.flac (copy)", "call_order.flac"])
    names.nth(1).click()
    assert words(shown_panel(other)) == ["いろ" + TURNS[0], *TURNS[1:]]
    shown_panel(other).get_by_role("button", name="New transcript").click()
    other.route("**/file=**", lambda route: route.abort())
    names.first.click()
    assert words(shown_panel(other)) == ["はに" + TURNS[0], *TURNS[1:]]
    other.wait_for_function("() => speechPage.views[0].player.audio.duration > 1")
