"""Files with what was said, its translation, or both; and plain text for people."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from docx import Document

from kikitori.output.document import write_docx
from kikitori.output.languages import choose_texts
from kikitori.output.readable import write_readable, write_readable_with_times
from kikitori.output.writers import WRITERS
from kikitori.timing import estimate_times
from kikitori.transcript import Transcript, Turn, Word
from kikitori.update import partial_warning

BOTH = Transcript(
    audio="call.wav",
    turns=(
        Turn("spk_0", "Yes.", 5.0, 6.0, "aligned", (Word("Yes.", 5.0, 6.0),), ((0, 3),), "はい。"),
        Turn("spk_1", "Hello.\nBye.", 65.5, 70.0, "aligned", source="もしもし。"),
    ),
    direction="ja2en",
    language="English",
    checkpoint="tiny",
    duration_seconds=70.0,
    raw_text="Yes. Hello.",
    replacements=(("Yep", "Yes"),),
)
SPOKEN = replace(BOTH, direction="diarize", turns=tuple(replace(turn, source="") for turn in BOTH.turns))
UNTRANSLATED = replace(BOTH, turns=(BOTH.turns[0], replace(BOTH.turns[1], source="")))
EMPTIED = replace(BOTH, turns=(BOTH.turns[0], replace(BOTH.turns[1], text="")))
"""A visitor of the page has emptied the second translation."""


def test_both_texts_of_a_translation_are_the_transcript_itself():
    assert choose_texts(BOTH, "both") == BOTH


def test_a_translation_can_be_had_without_its_source():
    alone = choose_texts(BOTH, "translation")
    assert (alone.text, alone.language, alone.raw_text) == ("Yes. Hello.\nBye.", "English", "Yes. Hello.")
    assert [turn.source for turn in alone.turns] == ["", ""]
    assert "はい" not in WRITERS["srt"](alone) and "はい" in WRITERS["srt"](BOTH)


def test_what_was_said_can_be_had_without_its_translation():
    said = choose_texts(BOTH, "original")
    assert said.turns == (
        Turn("spk_0", "はい。", 5.0, 6.0, "aligned"),
        Turn("spk_1", "もしもし。", 65.5, 70.0, "aligned"),
    )
    assert (said.language, said.raw_text, said.replacements) == ("Japanese", "", ())
    assert choose_texts(replace(BOTH, direction="en2ja", language="Japanese"), "original").language == "English"
    assert [turn.text for turn in choose_texts(UNTRANSLATED, "original").turns] == ["はい。"]


@pytest.mark.parametrize("texts", ["both", "original", "translation"])
def test_a_transcript_that_is_no_translation_stays_as_it_is(texts):
    assert choose_texts(SPOKEN, texts) == SPOKEN


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match="texts must be one of both, translation, original, but is 'all'"):
        choose_texts(SPOKEN, "all")


def test_plain_text_without_sources_is_the_command_lines():
    partial = replace(SPOKEN, warnings=(partial_warning(405),))
    assert write_readable(partial) == WRITERS["txt"](partial)
    assert write_readable(partial).endswith("\n[incomplete: only the first 6 min 45 s are in this transcript]\n")


def test_plain_text_has_what_was_said_below_its_translation():
    assert write_readable(BOTH) == "[spk_0]: Yes.\nはい。\n\n[spk_1]: Hello. Bye.\nもしもし。\n\n"


def test_text_with_times_has_the_start_of_each_turn():
    partial = replace(SPOKEN, warnings=(partial_warning(405),))
    assert write_readable_with_times(partial) == (
        "0:05 [spk_0]: Yes.\n1:05 [spk_1]: Hello. Bye.\n"
        "[incomplete: only the first 6 min 45 s are in this transcript]\n"
    )
    alone = replace(BOTH, turns=(replace(BOTH.turns[0], speaker=None),))
    assert write_readable_with_times(alone) == "0:05 Yes.\nはい。\n\n"


def test_a_turn_whose_translation_was_emptied_keeps_its_source_in_every_format():
    assert Transcript.from_dict(EMPTIED.to_dict()) == EMPTIED
    assert [turn.text for turn in choose_texts(EMPTIED, "translation").turns] == ["Yes."]
    assert [turn.text for turn in choose_texts(EMPTIED, "original").turns] == ["はい。", "もしもし。"]
    assert WRITERS["txt"](EMPTIED) == "[spk_0]: Yes.\n"
    assert write_readable(EMPTIED) == "[spk_0]: Yes.\nはい。\n\n[spk_1]:\nもしもし。\n\n"
    assert "\n00:01:05,500 --> 00:01:10,000\n[spk_1]: もしもし。\n" in WRITERS["srt"](EMPTIED)
    assert "<v spk_1><c.speaker>[spk_1]: </c>もしもし。</v>" in WRITERS["vtt"](EMPTIED)
    assert WRITERS["tsv"](EMPTIED).endswith("\n65500\t70000\t\tspk_1\t0.00\tもしもし。\n")
    assert WRITERS["rttm"](EMPTIED) == WRITERS["rttm"](BOTH)
    *_, paragraph = Document(io.BytesIO(write_docx(EMPTIED))).paragraphs
    assert paragraph.text == "spk_1  1:05\nもしもし。"


def test_a_turn_has_a_text_or_a_source():
    with pytest.raises(ValueError, match="must be stripped and not empty"):
        Turn("spk_0", "", source=" ")


def test_an_emptied_translation_takes_its_share_of_a_windows_time_by_its_source():
    turns = Turn(None, "", 0.0, 4.0, "window", source="はい。"), Turn(None, "Yes.", 0.0, 4.0, "window")
    assert [turn.end_seconds for turn in estimate_times(turns)] == [pytest.approx(4 * 3 / 7, abs=0.001), 4.0]
