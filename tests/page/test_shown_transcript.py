"""What a transcript looks like on the page, what an edit does to it, and the files that are saved of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from kikitori.output.writers import WRITERS
from kikitori.page.view import to_view
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from tests.support.browser import (
    JSON_OF,
    VIEW_OF,
    choose_speaker,
    rename,
    retype,
    saved,
    saved_transcript,
    shown_speaker,
    speakers,
    words,
)

pytestmark = pytest.mark.slow

AN_ERROR_AND_TIME_TO_LOAD = """() => {
    const later = window.setTimeout;
    window.setTimeout = (work, _, ...more) => later(work, 0, ...more);
    dispatchEvent(new ErrorEvent('error'));
    window.setTimeout = later;
    return new Promise(done => later(done, 500));
}"""
"""JavaScript that raises an error. The page then waits 5 s for what is still being loaded; here it does not wait."""


def test_an_error_after_the_page_has_loaded_does_not_load_it_again(page, panel):
    """Gradio's player raises one when an example replaces a recording."""
    page.evaluate(AN_ERROR_AND_TIME_TO_LOAD)
    assert panel.locator(".turn").count() > 1
    assert page.evaluate("sessionStorage.getItem('speechPageReloaded')") is None


def test_two_speakers_have_two_colours(page, panel):
    colours = {
        label.input_value(): label.evaluate("element => getComputedStyle(element).color")
        for label in panel.locator(".turn .speaker").all()
    }
    assert len(set(colours.values())) == len(colours) == 2


def test_every_format_can_be_saved_and_equals_the_command_lines(page, panel):
    transcript = saved_transcript(page, panel)
    named = tuple(replace(turn, speaker=shown_speaker(turn.speaker)) for turn in transcript.turns)
    for suffix, write in WRITERS.items():
        written = write(transcript if suffix in ("json", "tsv", "rttm") else replace(transcript, turns=named))
        assert saved(page, panel, suffix) == (f"call_appointment.{suffix}", written)


def test_a_speaker_can_be_renamed_and_every_file_follows(page, panel):
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


def test_two_speakers_can_be_merged_and_a_row_corrected(page, panel):
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


def test_a_corrected_call_is_saved_with_the_times_that_the_page_shows(page, panel):
    """Times estimated from the corrected text would differ."""
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


def test_each_row_has_the_language_and_the_direction_of_its_text(page, shown):
    texts = {"Arabic": "نعم، مرحبا.", "Cantonese": "你好。", "": "Good morning."}
    turns = tuple(
        Turn("spk_0", text, float(start), start + 1.0, "window", language=language)
        for start, (language, text) in enumerate(texts.items())
    )
    transcript = Transcript("a.wav", turns, "transcribe", "English", "tiny", 3.0, "")
    rows = shown(to_view(transcript, "a.wav")).locator(".turn .words")
    assert rows.evaluate_all("rows => rows.map(row => row.lang)") == ["ar", "yue", "en"]
    directions = rows.evaluate_all("rows => rows.map(row => getComputedStyle(row).direction)")
    assert directions == ["rtl", "ltr", "ltr"]


def test_warnings_are_short_and_those_that_nobody_can_act_on_are_hidden(page, shown):
    warnings = (
        TranscriptWarning("weak_link", "the texts before and after agree by 43%", 84.0, 84.0),
        TranscriptWarning("repaired_times", "9 of the aligner's times were repaired"),
        TranscriptWarning("loop", "0:00-0:28: the model repeats itself", 0.0, 28.0),
        TranscriptWarning("partial", "only the first 3 min 31 s", values={"seconds": "211.000"}),
    )
    turns = (Turn("spk_0", "はい。", 0.0, 1.0, "window"),)
    transcript = Transcript("a.wav", turns, "diarize", "Japanese", "tiny", 211.0, "", warnings)
    shown = shown(to_view(transcript, "a.wav")).locator(".speech-warning:visible")
    assert sorted(shown.all_inner_texts()) == [
        "0:00–0:28: The text repeats itself: some of it was probably not said, and words may be missing.",
        "Only the first 3 min 31 sec of the recording are in this transcript.",
        "Speakers may be swapped from 1:24.",
    ]


def test_what_a_model_writes_stays_text(page, shown):
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
    shown = shown(to_view(transcript, "a.wav"), to_view(transcript, "a.wav"))
    assert shown.locator(".words").inner_text() == shown.locator(".speech-warning").inner_text() == evil
    assert speakers(shown) == ["<b>spk</b>"]
    assert evil in shown.locator(".recordings .open").first.inner_text()
    assert shown.locator("img, b, i:not([hidden])").count() == 0


def test_a_speakers_name_stays_text(page, panel):
    """In rows, timeline, choices and player."""
    evil = "<img src=x onerror=window.hurt=1>"
    rename(panel, "Speaker 1", evil)
    assert evil in speakers(panel)
    panel.locator(".turn .words").first.click()
    assert panel.locator("img[src=x]").count() == 0
    assert page.evaluate("window.hurt") is None
