"""Editing a transcript on the page, and what the browser keeps of it."""

from __future__ import annotations

import json
import math

import pytest
from playwright.sync_api import expect

from kikitori.output.line_breaks import columns_of
from tests.support.browser import (
    NO_SESSION_STORAGE,
    choose_speaker,
    clear_files,
    drop,
    open_tab,
    rename,
    retype,
    run_to_the_end,
    saved,
    shown_panel,
    speakers,
    start_again,
    transcribed,
    upload,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import example, one_recording

pytestmark = pytest.mark.slow


@pytest.fixture
def page(browser, server):
    with visit(browser, server) as page:
        yield page


@pytest.fixture
def panel(page):
    return transcribed(page, "diarize", example("call_order").path)


TURNS = [turn.text for turn in example("call_order").turns]


def put_cursor(page, panel, row: int, place: int) -> None:
    panel.locator(".words").nth(row).click()
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


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


def test_the_only_row_of_a_speaker_can_be_emptied_and_written_anew(page):
    panel = transcribed(page, "diarize", example("call_order").path)
    choose_speaker(panel, 1, "New speaker")
    panel.locator(".words").nth(1).click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Backspace")
    page.keyboard.type("はい。")
    assert words(panel) == [TURNS[0], "はい。", *TURNS[2:]]
    assert speakers(panel)[1] == "Speaker 3"


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


def test_the_keys_are_listed(page, panel):
    panel.get_by_role("button", name="Keyboard shortcuts").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Next unsure word")
    expect(dialog.get_by_role("row").filter(has_text="Alt+↓")).to_have_text("Alt+↓Next row")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
