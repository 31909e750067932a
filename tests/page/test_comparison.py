"""Comparing a transcript with a reference, and what a visitor has corrected in it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kikitori.errors import SpeechError
from kikitori.page import jobs
from kikitori.page.comparison import compare
from kikitori.transcript import Turn, Word
from tests.support.page import MADE

CALL = replace(
    MADE,
    turns=tuple(Turn(f"spk_{n % 2}", text, 0.0, 9.0, "window") for n, text in enumerate(("um", "mais", "três"))),
    duration_seconds=9.0,
)


@pytest.mark.slow
def test_an_hour_of_reading_is_compared_word_by_word():
    words = ["pão", "vinho"] * 5_000
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text=" ".join(words)),))
    words[7] = "queijo"
    shown = jobs.compare_shown({"sheets": [{"transcript": transcript.to_dict(), "sound": ""}]}, " ".join(words))
    assert len(transcript.text) == 49_999
    assert shown["exact"]["words"] == {"errors": 1, "length": 10_000}


@pytest.mark.slow
def test_a_comparison_can_ignore_case_and_punctuation_and_differences_side_by_side_are_one():
    shown = compare("— O João Silva, de\nLisboa, viu.", "o joão de Lisboa ouviu-o.")
    assert shown["lenient"]["words"] == {"errors": 2, "length": 6}
    assert shown["lenient"]["pieces"] == [
        {"same": True, "expected": "O João", "written": "o joão"},
        {"same": False, "expected": "Silva,", "written": ""},
        {"same": True, "expected": "de Lisboa,", "written": "de Lisboa"},
        {"same": False, "expected": "viu.", "written": "ouviu-o."},
    ]
    assert shown["exact"]["words"] == {"errors": 6, "length": 7}
    assert shown["exact"]["pieces"] == [
        {"same": False, "expected": "— O João Silva,", "written": "o joão"},
        {"same": True, "expected": "de", "written": "de"},
        {"same": False, "expected": "Lisboa, viu.", "written": "Lisboa ouviu-o."},
    ]


def test_a_reference_of_punctuation_alone_is_none():
    with pytest.raises(SpeechError) as caught:
        compare("… — !", "um")
    assert caught.value.code == "no_reference"


def corrected_view(*texts: str) -> dict:
    """A view of a call with three turns, corrected to these texts; emptied turns stay in the view."""
    record = CALL.to_dict()
    turns = [turn | {"text": text, "speaker": "Ana"} for turn, text in zip(record["turns"], texts, strict=True)]
    return {"sheets": [{"transcript": record | {"turns": turns}, "sound": "call.wav"}]}


@pytest.mark.slow
def test_emptied_rows_are_not_compared():
    shown = jobs.compare_shown(corrected_view("um", "", "dois"), "um dois")
    assert shown["exact"]["words"] == {"errors": 0, "length": 2}


def test_a_translation_uses_the_corrected_call():
    """Times are measured for the turns as the model wrote them; the words are those of the visitor."""
    call = jobs.read_view(corrected_view("um", "", "dois"))
    word = Word("três", 8.0, 9.0)
    times = [(1.0, 2.0, ()), (4.0, 5.0, ()), (8.0, 9.0, (word,))]
    aligned = replace(
        CALL,
        turns=tuple(
            replace(turn, timing="aligned", start_seconds=start, end_seconds=end, words=words)
            for turn, (start, end, words) in zip(CALL.turns, times, strict=True)
        ),
    )
    first, last = jobs.with_corrections(aligned, call).turns
    assert (first.text, first.speaker, first.start_seconds, first.timing) == ("um", "Ana", 1.0, "aligned")
    assert (last.text, last.speaker, last.start_seconds, last.words) == ("dois", "Ana", 8.0, ())
    kept = jobs.with_corrections(aligned, jobs.read_view(corrected_view("um", "", "três"))).turns
    assert kept[1].words == (word,)

    fewer = replace(aligned, turns=aligned.turns[:2])
    guessed = jobs.with_corrections(fewer, call).turns
    assert [(turn.text, turn.timing) for turn in guessed] == [("um", "estimated"), ("dois", "estimated")]
    assert 0 < guessed[0].end_seconds == guessed[1].start_seconds < 9.0
