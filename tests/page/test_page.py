"""The page as people use it, in headless Chromium: from a recording to its text."""

from __future__ import annotations

import contextlib
import re

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.audio.files import load_audio
from tests.support.browser import (
    JSON_OF,
    NO_SESSION_STORAGE,
    RUN,
    TABS,
    VIEW_OF,
    choose_download,
    choose_option,
    clear_files,
    last_seek,
    note_marked_words,
    note_seeks,
    open_tab,
    run_button,
    run_to_the_end,
    saved,
    saved_transcript,
    shown_lines,
    shown_panel,
    shown_speaker,
    speakers,
    start_again,
    transcribed,
    upload,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import (
    MICROPHONE_SILENCE,
    RECORDINGS,
    example,
    microphone_recording,
    one_recording,
    recordings_in,
)
from tests.support.server import until

pytestmark = pytest.mark.slow

CLICK_WHEN_IT_COMES_BACK = """(panel, name) => {
    const isShown = button => button.offsetParent && button.textContent.trim() === name;
    let gone = false;
    new MutationObserver((_, observer) => {
        const button = [...panel.querySelectorAll('button')].find(isShown);
        gone ||= !button;
        if (!gone || !button) return;
        observer.disconnect();
        button.click();
        window.clicked = true;
    }).observe(panel, { childList: true, subtree: true, attributes: true });
}"""


IN_A_HURRY = """{
    const later = window.setTimeout;
    window.setTimeout = (work, wait, ...more) => later(work, wait === 5000 ? 1000 : wait, ...more);
}"""
"""JavaScript for a page that gives up sooner on what does not load."""


PERMISSIONS = ["microphone", "clipboard-read", "clipboard-write"]


@pytest.fixture
def page(browser, server):
    with visit(browser, server, permissions=PERMISSIONS) as page:
        yield page


@pytest.fixture(scope="module")
def shared(browser, server):
    """A page for all tests that start on any tab and leave no option behind."""
    with visit(browser, server, permissions=PERMISSIONS) as page:
        yield page


def open_start(page, direction: str):
    """Open the tab of a direction as on a new page: without a transcript and without a recording."""
    panel = open_tab(page, direction)
    start_again(panel)
    clear_files(panel)
    return panel


@pytest.mark.parametrize("direction", TABS)
def test_an_uploaded_recording_becomes_its_text(shared, direction):
    recording = one_recording(direction)
    panel = open_tab(shared, direction)
    upload(panel, recording.path)
    run_button(panel, direction).click()
    assert words(panel) == [turn.text for turn in recording.turns]
    if direction == "diarize":
        assert speakers(panel) == [shown_speaker(turn.speaker) for turn in recording.turns]


def test_rows_show_where_the_language_changes(shared):
    panel = transcribed(shared, "transcribe", example("three_languages").path)
    assert panel.locator(".turn .language").all_inner_texts() == ["English", "Japanese", "Portuguese"]
    expect(panel.locator(".about")).to_contain_text("English, Japanese, Portuguese")
    texts = panel.locator(".turn .words")
    assert list(dict.fromkeys(text.get_attribute("lang") for text in texts.all())) == ["en", "ja", "pt"]


def test_an_example_is_answered_at_once_and_brings_its_direction_along(shared):
    panel = open_start(shared, "pt")
    panel.get_by_text("At the doctor's").first.click()
    assert words(panel) == [example("portuguese_daily").text]
    panel = open_start(shared, "en2ja")
    panel.get_by_label("English → 日本語").check()
    panel.get_by_text("Travel, in Japanese").first.click()
    assert words(panel) == [example("japanese_travel").text]


def test_a_microphone_recording_is_transcribed(page):
    """The fake microphone plays a Portuguese recording once, then silence; one word may be wrong.

    The browser suppresses noise and sets the level; the tiny checkpoint was not trained on such sound.
    """
    recording = microphone_recording()
    panel = open_tab(page, "pt")
    panel.get_by_role("button", name="Record", exact=True).click()
    seconds = MICROPHONE_SILENCE + len(load_audio(recording.path)) / 16000
    page.wait_for_timeout(1000 * seconds + 300)  # until it has been played
    with page.expect_response(lambda response: "/upload" in response.url and response.ok):
        panel.get_by_role("button", name="Stop").first.click()
    panel.locator("[data-testid*=waveform]").first.wait_for()
    run_button(panel, "pt").click()
    (text,) = words(panel)
    pairs = zip(text.split(), recording.reference.split(), strict=True)
    assert sum(heard != said for heard, said in pairs) <= 1
    assert re.fullmatch(r"recording-\d{4}-\d\d-\d\d-\d{4}\.txt", saved(page, panel, "txt")[0])
    start_again(panel)
    expect(panel.get_by_test_id("waveform-controls")).to_have_count(0)  # the next job is not about this recording


def test_the_page_says_that_a_small_model_answers_and_that_a_recording_is_missing(shared):
    panel = open_start(shared, "diarize")
    run_button(panel, "diarize").click()
    message = panel.get_by_role("alert")
    message.wait_for()
    assert message.inner_text() == "There is no recording yet: upload a file or record one first"
    assert panel.get_by_role("button", name="Copy").count() == 0
    expect(shared.get_by_text("Demo mode: small model.")).to_be_visible()


def test_names_can_be_given_and_words_replaced(page):
    panel = open_tab(page, "pt")
    upload(panel, one_recording("pt").path)
    panel.get_by_role("button", name="Options").click()
    context, replace = panel.get_by_label("Names and terms that may be said"), panel.get_by_label("Replace (one rule")
    context.fill("Fernando <|audio_pad|>")
    run_button(panel, "pt").click()
    expect(panel.get_by_role("alert")).to_contain_text("the context contains <|audio_pad|>, which is a control")
    context.fill("")
    replace.fill("Fernando = Helena\n")
    run_to_the_end(panel, "pt")
    assert words(panel) == [one_recording("pt").reference.replace("Fernando", "Helena")]
    assert saved_transcript(page, panel).replacements == (("Fernando", "Helena"),)


def test_a_click_at_the_moment_a_job_ends_starts_another(shared, tmp_path):
    (tmp_path / "notes.wav").write_text("this is no sound")
    started = []
    shared.on("request", lambda request: "/queue/join" in request.url and started.append(request))
    panel = open_tab(shared, "pt")
    upload(panel, tmp_path / "notes.wav")  # after an error the start is shown again
    panel.evaluate(CLICK_WHEN_IT_COMES_BACK, RUN["pt"])
    run_button(panel, "pt").click()
    shared.wait_for_function("() => window.clicked")
    wait_for_end(panel)
    assert len(started) == 2
    expect(panel.get_by_role("alert")).to_contain_text("notes.wav cannot be decoded")


def test_an_unusable_recording_is_an_inline_message_and_a_good_one_clears_it(shared, tmp_path):
    panel = open_tab(shared, "pt")
    bad = tmp_path / "notes.wav"
    bad.write_text("this is no sound")
    upload(panel, bad)
    run_button(panel, "pt").click()
    panel.get_by_role("alert").wait_for()
    assert panel.get_by_role("alert").inner_text().startswith("notes.wav cannot be decoded as audio or video")
    upload(panel, one_recording("pt").path)
    expect(panel.get_by_role("alert")).to_have_count(0)
    run_button(panel, "pt").click()
    assert words(panel) == [one_recording("pt").reference]
    assert panel.get_by_role("alert").count() == 0


def test_the_text_can_be_copied_and_downloaded(shared):
    recording = one_recording("diarize")
    panel = transcribed(shared, "diarize", recording.path)
    lines = shown_lines(recording)
    panel.get_by_role("button", name="Copy").click()
    until(lambda: shared.evaluate("navigator.clipboard.readText()") == lines)  # another test's text may be there before
    assert saved(shared, panel, "txt") == (f"{recording.path.stem}.txt", lines)
    assert saved_transcript(shared, panel).raw_text == recording.reference


def test_a_long_recording_streams_and_stop_keeps_what_is_done(page, browser, server, tmp_path):
    """Another visitor's job is not stopped."""
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 20), 16000)
    panel = open_tab(page, "pt")
    upload(panel, tmp_path / "talk.flac")
    soundfile.write(tmp_path / "other.flac", np.tile(once, 6), 16000)
    with visit(browser, server) as other:
        other_panel = open_tab(other, "pt")
        upload(other_panel, tmp_path / "other.flac")
        run_button(panel, "pt").click()
        run_button(other_panel, "pt").click()
        panel.locator(".draft p").first.wait_for()
        panel.locator(".turn").first.wait_for()
        assert panel.locator("progress").is_visible()
        panel.get_by_role("button", name="Stop", exact=True).click()
        wait_for_end(panel)
        done = words(panel)
        expect(panel.locator(".draft")).to_have_count(0)
        expect(panel.locator(".speech-warning", has_text="Only the first")).to_be_visible()
        assert [turn.text for turn in saved_transcript(page, panel).turns] == done
        assert "\n[incomplete: only the first " in saved(page, panel, "txt")[1]
        expect(other_panel.locator("progress")).to_have_count(0)
        assert other_panel.locator(".speech-warning").filter(has_text="Only the first").count() == 0
        assert len(words(other_panel)) >= len(once) * 6 // (30 * 16000)
        assert words(panel) == done


def test_a_file_that_is_refused_is_an_inline_message_and_the_page_stays(page):
    """Copy and Save show the error. Text that Python would strip, and JavaScript's trim would not, can be saved."""
    panel = transcribed(page, "pt", one_recording("pt").path)
    panel.get_by_label("Text of this row").first.fill("\x85\x1f bom dia \x1f")
    assert saved(page, panel, "txt")[1] == "bom dia\n"
    page.evaluate(f"() => {{ ({VIEW_OF})().sheet.times = [] }}")
    address = page.url
    for press in (lambda: choose_download(panel, "txt"), lambda: panel.get_by_role("button", name="Copy").click()):
        press()
        expect(panel.get_by_role("alert")).to_contain_text("can't be saved as a transcript")
        assert page.url == address
        assert page.evaluate("navigator.clipboard.readText()") != "undefined"
        page.evaluate(f"() => {{ ({VIEW_OF})().downloads.problem.replaceChildren() }}")
    page.route(re.compile("component_server"), lambda route: route.abort())
    choose_download(panel, "txt")
    expect(panel.get_by_role("alert")).to_contain_text("The server did not answer")
    assert page.url == address


@pytest.mark.parametrize(("failures", "storage"), [(1, True), (9, True), (9, False)])
def test_a_page_whose_scripts_were_not_all_loaded_loads_again_or_says_so(browser, server, failures, storage):
    """Without a script of a component, Gradio's loading screen covers the page for ever.

    Without storage, which a browser may forbid, it is not loaded again: that could not be counted.
    """
    failed = []

    def fail(route):
        if len(failed) < failures:
            failed.append(route)
            route.abort()
        else:
            route.continue_()

    with contextlib.closing(browser.new_context()) as context:
        visitor = context.new_page()
        visitor.add_init_script(IN_A_HURRY)
        if not storage:
            visitor.add_init_script(NO_SESSION_STORAGE)
        visitor.route(re.compile(r"/assets/HTML-[^/]+\.js$"), fail)
        visitor.goto(server)
        if failures == 1:
            expect(visitor.locator(".wrap.translucent")).to_have_count(0)
            visitor.get_by_role("tab", name="Portuguese").click()
            expect(shown_panel(visitor)).to_contain_text("Portuguese speech")
        else:
            expect(visitor.locator(".load-failed")).to_contain_text("could not be loaded")
            assert len(failed) < (5 if storage else 3)


def test_a_word_with_a_time_moves_the_player_and_is_marked_while_it_plays(page):
    panel = open_tab(page, "pt")
    upload(panel, one_recording("pt").path)
    choose_option(panel, "Word timestamps")
    run_to_the_end(panel, "pt")
    assert words(panel) == [one_recording("pt").reference]
    measured = page.evaluate(JSON_OF, "transcript")["turns"][0]["words"]
    expect(panel.get_by_role("group", name="The recording")).to_be_visible()
    note_seeks(panel)
    panel.locator(".word").nth(2).click()
    assert last_seek(page) == pytest.approx(measured[2]["start_seconds"], abs=0.05)
    expect(panel.locator(".word.now")).to_have_text(measured[2]["text"])
    note_marked_words(page)
    page.keyboard.press("Control+Space")
    page.wait_for_function("last => window.marked.at(-1) === last", arg=measured[-1]["text"])


def test_several_files_are_transcribed_and_what_is_wrong_with_one_is_said_in_its_row(shared, tmp_path):
    good = recordings_in(RECORDINGS, "pt")[:2]
    bad, cut = tmp_path / "notes.wav", tmp_path / "cut.flac"
    bad.write_text("this is no sound")
    content = good[0].path.read_bytes()
    cut.write_bytes(content[: len(content) * 3 // 4])
    panel = open_tab(shared, "pt")
    upload(panel, good[0].path, bad, good[1].path, cut)
    run_to_the_end(panel, "pt")
    expect(panel.get_by_role("alert")).to_contain_text("notes.wav cannot be decoded")
    names = [
        f"{good[0].path.name} · Portuguese",
        bad.name,
        f"{good[1].path.name} · Portuguese",
        "cut.flac · Portuguese",
    ]
    rows = panel.locator(".recordings tbody tr")
    assert rows.locator("td:first-child").all_inner_texts() == names
    states = rows.locator("td:last-child").all_inner_texts()
    assert [states[0], *states[2:]] == ["Done", "Done", "Incomplete"]
    assert words(panel) == [good[0].reference]  # the first one is open
    for recording in reversed(good):
        panel.get_by_role("button", name=recording.path.name).click()
        assert words(panel) == [recording.reference]
        assert saved(shared, panel, "txt") == (f"{recording.path.stem}.txt", recording.reference + "\n")
