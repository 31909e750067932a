"""The page as people use it, in headless Chromium."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.audio.files import load_audio
from kikitori.output.writers import WRITERS
from kikitori.page.view import to_view
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from tests.support.browser import (
    HINTS,
    NO_SESSION_STORAGE,
    RUN,
    TABS,
    VIEW_OF,
    choose_download,
    choose_option,
    choose_speaker,
    last_seek,
    note_seeks,
    open_tab,
    rename,
    retype,
    run_button,
    run_to_the_end,
    saved,
    shown_lines,
    shown_panel,
    shown_speaker,
    speakers,
    transcribed,
    upload,
    visit,
    wait_for_end,
    words,
)
from tests.support.recordings import RECORDINGS, example, microphone_recording, one_recording, recordings_in

pytestmark = pytest.mark.slow

EXAMPLES = {
    "diarize": "call_appointment",
    "en2ja": "english_travel",
    "pt": "portuguese_daily",
    "transcribe": "three_languages",
}


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
JSON_OF = f"key => ({VIEW_OF})().sheet[key]"


@pytest.fixture
def page(browser, server):
    with visit(browser, server, permissions=["microphone", "clipboard-read", "clipboard-write"]) as page:
        yield page


def shown_name(label: str) -> str:
    """A speaker's name on the page."""
    return f"Speaker {int(label.removeprefix('spk_')) + 1}"


def call_transcribed(page):
    return transcribed(page, "diarize", example(EXAMPLES["diarize"]).path)


def saved_transcript(page, panel) -> Transcript:
    return Transcript.from_dict(json.loads(saved(page, panel, "json")[1]))


@pytest.mark.parametrize("direction", TABS)
def test_an_uploaded_recording_becomes_its_text(page, direction):
    recording = one_recording(direction)
    panel = open_tab(page, direction)
    upload(panel, recording.path)
    run_button(panel, direction).click()
    assert words(panel) == [turn.text for turn in recording.turns]
    if direction == "diarize":
        assert speakers(panel) == [shown_name(turn.speaker) for turn in recording.turns]


def test_rows_show_where_the_language_changes(page):
    panel = transcribed(page, "transcribe", example("three_languages").path)
    assert panel.locator(".turn .language").all_inner_texts() == ["English", "Japanese", "Portuguese"]
    expect(panel.locator(".about")).to_contain_text("English, Japanese, Portuguese")
    texts = panel.locator(".turn .words")
    assert [texts.nth(number).get_attribute("lang") for number in range(3)] == ["en", "ja", "pt"]


def test_an_error_after_the_page_has_loaded_does_not_load_it_again(page):
    """Gradio's player raises one when an example replaces a recording."""
    panel = call_transcribed(page)
    page.evaluate("setTimeout(() => dispatchEvent(new ErrorEvent('error')))")
    page.wait_for_timeout(6000)
    assert panel.locator(".turn").count() > 1
    assert page.evaluate("sessionStorage.getItem('speechPageReloaded')") is None


def test_two_speakers_have_two_colours(page):
    panel = call_transcribed(page)
    colours = {
        label.input_value(): label.evaluate("element => getComputedStyle(element).color")
        for label in panel.locator(".turn .speaker").all()
    }
    assert len(set(colours.values())) == len(colours) == 2


def test_an_example_is_answered_at_once(page):
    panel = open_tab(page, "pt")
    panel.get_by_text("At the doctor's").first.click()
    assert words(panel) == [example("portuguese_daily").text]


def test_an_example_brings_its_direction_along(page):
    panel = open_tab(page, "en2ja")
    panel.get_by_text("Travel, in Japanese").first.click()
    assert words(panel) == [example("japanese_travel").text]


def test_a_microphone_recording_is_transcribed(page):
    """The fake microphone plays a Portuguese recording once, then silence; one word may be wrong.

    The browser suppresses noise and sets the level; the tiny checkpoint was not trained on such sound.
    """
    recording = microphone_recording()
    panel = open_tab(page, "pt")
    panel.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_timeout(1000 * len(load_audio(recording.path)) / 16000 + 300)  # until it has been played
    with page.expect_response(lambda response: "/upload" in response.url and response.ok):
        panel.get_by_role("button", name="Stop").first.click()
    panel.locator("[data-testid*=waveform]").first.wait_for()
    run_button(panel, "pt").click()
    (text,) = words(panel)
    pairs = zip(text.split(), recording.reference.split(), strict=True)
    assert sum(heard != said for heard, said in pairs) <= 1
    assert re.fullmatch(r"recording-\d{4}-\d\d-\d\d-\d{4}\.txt", saved(page, panel, "txt")[0])


def test_a_missing_recording_is_an_inline_message(page):
    panel = open_tab(page, "diarize")
    run_button(panel, "diarize").click()
    message = panel.get_by_role("alert")
    message.wait_for()
    assert message.inner_text() == "There is no recording yet: upload a file or record one first"
    assert panel.get_by_role("button", name="Copy").count() == 0


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


def test_a_click_at_the_moment_a_job_ends_starts_another(page, tmp_path):
    (tmp_path / "notes.wav").write_text("this is no sound")
    started = []
    page.on("request", lambda request: "/queue/join" in request.url and started.append(request))
    panel = open_tab(page, "pt")
    upload(panel, tmp_path / "notes.wav")  # after an error the start is shown again
    panel.evaluate(CLICK_WHEN_IT_COMES_BACK, RUN["pt"])
    run_button(panel, "pt").click()
    page.wait_for_function("() => window.clicked")
    wait_for_end(panel)
    assert len(started) == 2
    expect(panel.get_by_role("alert")).to_contain_text("notes.wav cannot be decoded")


def test_an_unusable_recording_is_an_inline_message_and_a_good_one_clears_it(page, tmp_path):
    panel = open_tab(page, "pt")
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


def test_the_text_can_be_copied_and_downloaded(page):
    recording = one_recording("diarize")
    panel = transcribed(page, "diarize", recording.path)
    lines = shown_lines(recording)
    panel.get_by_role("button", name="Copy").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).length > 0")
    assert page.evaluate("navigator.clipboard.readText()") == lines
    assert saved(page, panel, "txt") == (f"{recording.path.stem}.txt", lines)
    assert saved_transcript(page, panel).raw_text == recording.reference


def test_a_long_recording_streams_and_stop_keeps_what_is_done(page, browser, server, tmp_path):
    """Another visitor's job is not stopped."""
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 40), 16000)
    panel = open_tab(page, "pt")
    upload(panel, tmp_path / "talk.flac")
    soundfile.write(tmp_path / "other.flac", np.tile(once, 15), 16000)
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
        expect(panel.locator(".speech-warning").last).to_contain_text("Only the first")
        assert [turn.text for turn in saved_transcript(page, panel).turns] == done
        assert "\n[incomplete: only the first " in saved(page, panel, "txt")[1]
        expect(other_panel.locator("progress")).to_have_count(0)
        assert other_panel.locator(".speech-warning").filter(has_text="Only the first").count() == 0
        assert len(words(other_panel)) >= len(once) * 15 // (30 * 16000)
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


def test_every_format_can_be_saved_and_equals_the_command_lines(page):
    panel = call_transcribed(page)
    transcript = saved_transcript(page, panel)
    named = tuple(replace(turn, speaker=shown_speaker(turn.speaker)) for turn in transcript.turns)
    for suffix, write in WRITERS.items():
        written = write(transcript if suffix in ("json", "tsv", "rttm") else replace(transcript, turns=named))
        assert saved(page, panel, suffix) == (f"call_appointment.{suffix}", written)


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
    page.keyboard.press("Control+Space")
    expect(panel.locator(".word.now")).to_have_text(measured[-1]["text"])


def test_a_speaker_can_be_renamed_and_every_file_follows(page):
    panel = call_transcribed(page)
    before = speakers(panel)
    evil = "<img src=x onerror=alert(1)>"
    rename(panel, "Speaker 1", evil)
    renamed = [evil if speaker == "Speaker 1" else speaker for speaker in before]
    assert speakers(panel) == renamed
    assert panel.locator(".transcript img").count() == 0
    labels = [evil if speaker == evil else "spk_1" for speaker in renamed]
    assert saved(page, panel, "txt")[1].splitlines() == [
        f"[{speaker}]: {text}" for speaker, text in zip(renamed, words(panel), strict=True)
    ]
    assert [turn.speaker for turn in saved_transcript(page, panel).turns] == labels


def test_two_speakers_can_be_merged_and_a_row_corrected(page):
    panel = call_transcribed(page)
    text = words(panel)
    choose_speaker(panel, 1, "Speaker 1")
    retype(panel, 0, "直しました。")
    retype(panel, 2, "")
    text = ["直しました。", text[1], *text[3:]]
    assert words(panel) == text
    assert speakers(panel) == [f"Speaker {number}" for number in (1, 1, 2, 1, 2)]
    rename(panel, "Speaker 2", "Speaker 1")
    assert set(speakers(panel)) == {"Speaker 1"}
    assert panel.locator(".tools .name input").evaluate_all("names => names.map(name => name.value)") == ["Speaker 1"]
    assert saved(page, panel, "txt")[1] == "".join(f"[Speaker 1]: {line}\n" for line in text)


def test_a_corrected_call_is_saved_with_the_times_that_the_page_shows(page):
    """Times estimated from the corrected text would differ."""
    panel = call_transcribed(page)
    seen = page.evaluate(JSON_OF, "times")
    texts = panel.get_by_label("Text of this row")
    retype(panel, 0, texts.nth(0).inner_text() * 3)
    retype(panel, len(seen) - 1, "")
    expect(panel.locator(".turn:visible")).to_have_count(len(seen) - 1)
    assert page.evaluate(f"({VIEW_OF})().player.timeline.drawing.regions.length") == len(seen) - 1
    lines = [line.split() for line in saved(page, panel, "rttm")[1].splitlines()]
    assert [float(start) for _, _, _, start, *_ in lines] == [round(start, 3) for start, _ in seen[:-1]]
    assert float(lines[-1][3]) + float(lines[-1][4]) == pytest.approx(seen[-2][1], abs=0.001)
    rows = [line.split("\t")[:2] for line in saved(page, panel, "tsv")[1].splitlines()[1:]]
    assert rows == [[str(round(1000 * start)), str(round(1000 * end))] for start, end in seen[:-1]]
    first = f"{seen[1][0]:06.3f}"
    assert f" --> 00:{first}\n" in saved(page, panel, "vtt")[1]
    assert f" --> 00:00:{first.replace('.', ',')}\n" in saved(page, panel, "srt")[1]
    turns = saved_transcript(page, panel).turns
    assert [[turn.start_seconds, turn.end_seconds] for turn in turns] == seen[:-1]
    assert {turn.timing for turn in turns} == {"estimated"}


def test_several_files_are_transcribed_and_a_bad_one_is_named(page, tmp_path):
    good = recordings_in(RECORDINGS, "pt")[:2]
    bad = tmp_path / "notes.wav"
    bad.write_text("this is no sound")
    panel = open_tab(page, "pt")
    upload(panel, good[0].path, bad, good[1].path)
    run_to_the_end(panel, "pt")
    expect(panel.get_by_role("alert")).to_contain_text("notes.wav cannot be decoded")
    names = [f"{good[0].path.name} · Portuguese", "notes.wav", f"{good[1].path.name} · Portuguese"]
    rows = panel.locator(".recordings tbody tr")
    assert rows.locator("td:first-child").all_inner_texts() == names
    assert [text.split("\n")[0] for text in rows.locator("td:last-child").all_inner_texts()][::2] == ["Done", "Done"]
    assert words(panel) == [good[0].reference]  # the first one is open
    for recording in reversed(good):
        panel.get_by_role("button", name=recording.path.name).click()
        assert words(panel) == [recording.reference]
        assert saved(page, panel, "txt") == (f"{recording.path.stem}.txt", recording.reference + "\n")


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
    assert panel.locator(".turn .source").all_inner_texts() == [recording.said]
    assert saved(page, panel, "srt")[1].splitlines()[2:4] == [recording.reference, recording.said]


def test_a_recording_in_another_language_is_moved_to_its_tab_with_one_click(page):
    english = example(EXAMPLES["en2ja"])
    panel = transcribed(page, "pt", english.path)
    warning = panel.locator(".speech-warning").filter(has_text="seems to be in English, not in Portuguese")
    warning.get_by_role("button", name="Translate it into Japanese").click()
    moved = shown_panel(page)
    expect(moved).to_contain_text(HINTS["en2ja"])
    expect(moved.locator(".turn .words")).to_have_text([english.reference])
    expect(moved.locator(".speech-warning")).to_have_count(0)


def test_the_page_says_that_the_small_model_answers(page):
    expect(page.get_by_text("Demo mode: small model.")).to_be_visible()


def shown_again(page, *sheets: dict):
    """Show recordings in a second view of the page's own."""
    page.evaluate(
        """value => {
            const place = document.body.appendChild(document.createElement('div'));
            place.id = 'tried';
            speechPage.mountView(place, { value }, {}, () => {});
        }""",
        {"sheets": sheets, "running": False},
    )
    return page.locator("#tried")


def test_each_row_has_the_language_and_the_direction_of_its_text(page):
    texts = {"Arabic": "نعم، مرحبا.", "Cantonese": "你好。", "": "Good morning."}
    turns = tuple(
        Turn("spk_0", text, float(start), start + 1.0, "window", language=language)
        for start, (language, text) in enumerate(texts.items())
    )
    transcript = Transcript("a.wav", turns, "transcribe", "English", "tiny", 3.0, "")
    rows = shown_again(page, to_view(transcript, "a.wav")).locator(".turn .words")
    assert rows.evaluate_all("rows => rows.map(row => row.lang)") == ["ar", "yue", "en"]
    directions = rows.evaluate_all("rows => rows.map(row => getComputedStyle(row).direction)")
    assert directions == ["rtl", "ltr", "ltr"]


def test_warnings_are_short_and_those_that_nobody_can_act_on_are_hidden(page):
    warnings = (
        TranscriptWarning("weak_link", "the texts before and after agree by 43%", 84.0, 84.0),
        TranscriptWarning("repaired_times", "9 of the aligner's times were repaired"),
        TranscriptWarning("loop", "0:00-0:28: the model repeats itself", 0.0, 28.0),
        TranscriptWarning("partial", "only the first 3 min 31 s", values={"seconds": "211.000"}),
    )
    turns = (Turn("spk_0", "はい。", 0.0, 1.0, "window"),)
    transcript = Transcript("a.wav", turns, "diarize", "Japanese", "tiny", 211.0, "", warnings)
    shown = shown_again(page, to_view(transcript, "a.wav")).locator(".speech-warning:visible")
    assert sorted(shown.all_inner_texts()) == [
        "0:00–0:28: The text repeats itself: some of it was probably not said, and words may be missing.",
        "Only the first 3 min 31 sec of the recording are in this transcript.",
        "Speakers may be swapped from 1:24.",
    ]


def test_what_a_model_writes_stays_text(page):
    """A transcript of markup and template syntax, put into the page's own view, shows as it is."""
    evil = "<img src=x onerror=alert(1)> ${alert(2)} `{{value}}` {{{value}}} </span>&amp;"
    transcript = Transcript(
        audio=f"{evil}.wav",
        turns=(Turn("<b>spk</b>", evil, 0.0, 1.0, "window"),),
        direction="diarize",
        language="Japanese",
        checkpoint="<i>x</i>",
        duration_seconds=1.0,
        raw_text=evil,
        warnings=(TranscriptWarning("of_a_later_version", evil, 0.0, 1.0),),
    )
    shown = shown_again(page, to_view(transcript, "a.wav"), to_view(transcript, "a.wav"))
    assert shown.locator(".words").inner_text() == shown.locator(".speech-warning").inner_text() == evil
    assert speakers(shown) == ["<b>spk</b>"]
    assert evil in shown.locator(".recordings .open").first.inner_text()
    assert shown.locator("img, b, i:not([hidden])").count() == 0


def test_a_speakers_name_stays_text(page):
    """In rows, timeline, choices and player."""
    panel = call_transcribed(page)
    evil = "<img src=x onerror=window.hurt=1>"
    rename(panel, "Speaker 1", evil)
    assert evil in speakers(panel)
    panel.locator(".turn .words").first.click()
    assert panel.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hurt") is None


def tab_to(page, name: str) -> None:
    """Press Tab until the element with this name has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim()"
        )
        if label.startswith(name):
            return
    raise AssertionError(f"Tab does not lead to {name}")


def test_the_keyboard_alone_is_enough(page):
    texts = [turn.text for turn in example("call_order").turns]
    page.wait_for_load_state("networkidle")  # what has the focus could otherwise be made anew before Enter
    tab_to(page, "Lunch order")
    page.keyboard.press("Enter")
    panel = shown_panel(page)
    assert words(panel) == texts
    expect(panel.get_by_role("slider", name="Playback position")).to_be_visible()
    wait_for_end(panel)
    tab_to(page, "Text of this row")
    page.keyboard.press("Control+A")
    page.keyboard.type("OK")
    assert words(panel) == ["OK", *texts[1:]]
    note_seeks(panel)
    tab_to(page, "Play from")
    page.keyboard.press("Enter")
    assert last_seek(page) == pytest.approx(page.evaluate(JSON_OF, "times")[1][0], abs=0.05)


def test_on_a_phone_a_finished_call_is_read_from_its_start_and_long_names_fit(browser, server):
    with visit(browser, server, viewport={"width": 390, "height": 500}) as page:
        panel = call_transcribed(page)
        rows = panel.get_by_role("region", name="Transcript")
        wait_for_end(panel)
        assert rows.evaluate("rows => [rows.scrollTop, rows.scrollHeight > rows.clientHeight]") == [0, True]
        rename(panel, "Speaker 1", "x" * 300)
        assert set(speakers(panel)) == {"x" * 60, "Speaker 2"}
        panel.get_by_role("button", name="Translate into English").click()
        expect(panel.locator(".recordings [aria-current]")).to_have_text("call_appointment.flac · English")
        wait_for_end(panel)
        edge = panel.locator(".block.transcript").bounding_box()
        for part in panel.locator(".recordings .open, .name, .turn .words").all():
            box = part.bounding_box()
            assert box["x"] + box["width"] <= edge["x"] + edge["width"] and box["width"] > 60


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_tab_fits_and_has_no_serious_barrier(browser, server, theme):
    """Checked by axe-core: the start and a transcript on each tab, at the widths of a laptop and of a phone."""
    with visit(browser, f"{server}?__theme={theme}") as page:
        for direction, name in EXAMPLES.items():
            page.set_viewport_size(LAPTOP)  # on a phone, Gradio puts the last tabs into a menu
            open_tab(page, direction)
            check_barriers(page)
            page.set_viewport_size(LAPTOP)
            transcribed(page, direction, example(name).path)
            check_barriers(page)


LAPTOP = {"width": 1280, "height": 900}


def check_barriers(page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        serious = [
            (found["id"], [node["html"] for node in found["nodes"]])
            for found in Axe().run(page).response["violations"]
            if found["impact"] in ("serious", "critical")
        ]
        assert serious == []
