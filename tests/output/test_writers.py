"""What each format looks like, to the last character."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from kikitori.errors import SpeechError
from kikitori.output.writers import WRITERS, Layout
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from tests.support.calls import NOTICE, PARTIAL, SPREAD, TIMED, TO_THE_LEFT, UNSURE, transcript

CALL = transcript(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"), Turn(None, "え"), Turn("spk_1", "もしもし"))
NEED_TIMES = ("srt", "vtt", "tsv", "rttm")


def test_txt_has_one_line_per_turn():
    assert WRITERS["txt"](CALL) == "[spk_0]: はい。\nえ\n[spk_1]: もしもし\n"


def test_txt_without_turns_is_empty():
    assert WRITERS["txt"](transcript()) == ""


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n \n", "\u2028"])
def test_text_cannot_forge_a_line(line_break):
    text = WRITERS["txt"](transcript(Turn("spk_0", f"one{line_break}[spk_1]: two")))
    assert text == "[spk_0]: one [spk_1]: two\n"


def test_json_is_the_whole_transcript_without_escapes():
    text = WRITERS["json"](CALL)
    assert json.loads(text) == CALL.to_dict()
    assert Transcript.from_dict(json.loads(text)) == CALL
    assert "もしもし" in text and text.startswith('{\n  "audio"') and text.endswith("}\n")


def test_the_formats_are_those_of_whisper_and_rttm():
    assert list(WRITERS) == ["txt", "srt", "vtt", "tsv", "json", "rttm"]


def test_srt_is_as_whisper_writes_it():
    assert WRITERS["srt"](TIMED) == (
        "1\n00:00:00,500 --> 00:00:06,250\n"
        "[spk_0]: はい、お電話ありがとうございます。\n山田歯科の受付でございます。\n\n"
        "2\n00:00:06,500 --> 00:00:07,333\nえ\n\n"
        "3\n01:01:01,000 --> 01:01:03,000\n[spk_1]: A & B <i> depois?\n\n"
    )


def test_vtt_has_whispers_times_and_voice_tags():
    assert WRITERS["vtt"](TIMED) == (
        "WEBVTT\n\n"
        "00:00.500 --> 00:06.250\n"
        "<v spk_0><c.speaker>[spk_0]: </c>はい、お電話ありがとうございます。\n山田歯科の受付でございます。</v>\n\n"
        "00:06.500 --> 00:07.333\nえ\n\n"
        "01:01:01.000 --> 01:01:03.000\n"
        "<v spk_1><c.speaker>[spk_1]: </c>A &amp; B &lt;i&gt; depois?</v>\n\n"
    )


def test_tsv_has_whispers_columns_first():
    assert WRITERS["tsv"](TIMED) == (
        "start\tend\ttext\tspeaker\tunsure\n"
        "500\t6250\tはい、お電話ありがとうございます。山田歯科の受付でございます。\tspk_0\t0.00\n"
        "6500\t6500\tえ\t\t0.00\n"
        "3661000\t3663000\tA & B <i> depois?\tspk_1\t0.00\n"
    )


def test_rttm_has_ten_fields_and_no_empty_turn():
    assert WRITERS["rttm"](TIMED) == (
        "SPEAKER call 1 0.500 5.750 <NA> <NA> spk_0 <NA> <NA>\n"
        "SPEAKER call 1 3661.000 2.000 <NA> <NA> spk_1 <NA> <NA>\n"
    )


def test_rttm_names_have_no_white_space_and_are_never_missing():
    turns = Turn("Dr.\u3000Ana  Sá", "Olá", 0, 1, "aligned"), Turn(None, "Oi", 1, 1.5, "aligned")
    assert WRITERS["rttm"](replace(transcript(*turns), audio="my first call.v2.wav")) == (
        "SPEAKER my_first_call.v2 1 0.000 1.000 <NA> <NA> Dr._Ana_Sá <NA> <NA>\n"
        "SPEAKER my_first_call.v2 1 1.000 0.500 <NA> <NA> unknown <NA> <NA>\n"
    )


def test_the_time_of_a_window_is_divided_in_every_format():
    note = "NOTE Times are estimates: the turns of a window share its time in proportion to the length of their text"
    assert WRITERS["vtt"](SPREAD) == (
        f"WEBVTT\n\n{note}\n\n00:01.000 --> 00:02.125\n<v spk_0><c.speaker>[spk_0]: </c>はい。</v>\n\n"
        "00:02.125 --> 00:04.000\n<v spk_1><c.speaker>[spk_1]: </c>もしもし。</v>\n\n"
    )
    assert WRITERS["srt"](SPREAD).startswith("1\n00:00:01,000 --> 00:00:02,125\n")
    assert WRITERS["tsv"](SPREAD).splitlines()[1:] == [
        "1000\t2125\tはい。\tspk_0\t0.00",
        "2125\t4000\tもしもし。\tspk_1\t0.00",
    ]
    assert WRITERS["rttm"](SPREAD).splitlines()[1] == "SPEAKER call 1 2.125 1.875 <NA> <NA> spk_1 <NA> <NA>"
    assert json.loads(WRITERS["json"](SPREAD))["turns"][1]["start_seconds"] == 1


@pytest.mark.parametrize("suffix", NEED_TIMES)
def test_turns_without_times_are_an_error_in_formats_with_times(suffix):
    sentence = "call.wav has turns without times, and srt, vtt, tsv and rttm need them: choose txt or json"
    with pytest.raises(SpeechError, match=f"^{re.escape(sentence)}$"):
        WRITERS[suffix](CALL)


@pytest.mark.parametrize(
    ("suffix", "text"),
    [("srt", ""), ("vtt", "WEBVTT\n\n"), ("tsv", "start\tend\ttext\tspeaker\tunsure\n"), ("rttm", "")],
)
def test_a_transcript_without_turns_has_only_a_header(suffix, text):
    assert WRITERS[suffix](transcript()) == text


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_layout_changes_subtitles_only(suffix):
    narrow = Layout(max_line_width=10, max_line_count=1)
    assert (WRITERS[suffix](TIMED, layout=narrow) != WRITERS[suffix](TIMED)) == (suffix in ("srt", "vtt"))
    assert WRITERS[suffix](TIMED, layout=Layout()) == WRITERS[suffix](TIMED)


def test_a_layout_sets_the_size_of_subtitles():
    turn = Turn(None, "one two three four", 0, 4, "aligned")
    english = replace(transcript(turn), language="English")
    assert [len(part.splitlines()) for part in WRITERS["srt"](english, Layout(9, 1)).split("\n\n")] == [3, 3, 3, 0]
    assert "\none two\nthree\nfour\n\n" in WRITERS["srt"](english, Layout(9, 3))
    assert "\none two\nthree\nfour\n\n" in WRITERS["vtt"](english, Layout(9, 3))


@pytest.mark.parametrize("value", [0, -1, 42.0, "42"])
@pytest.mark.parametrize("name", ["max_line_width", "max_line_count"])
def test_a_layout_has_room_for_at_least_one_character(name, value):
    with pytest.raises(ValueError, match=f"^{name} must be a whole number of at least 1, or None, but is {value!r}$"):
        Layout(**{name: value})


@pytest.mark.parametrize(
    ("suffix", "start"), [("srt", "99:59:59,999 --> 100:00:01,000"), ("vtt", "99:59:59.999 --> 100:00:01.000")]
)
def test_times_beyond_99_hours(suffix, start):
    long = transcript(Turn(None, "はい", 359_999.9994, 360_001.0004, "aligned"))
    assert start in WRITERS[suffix](long).splitlines()


def test_times_are_rounded_into_the_next_minute_and_hour():
    turns = Turn(None, "はい", 59.9996, 61, "aligned"), Turn(None, "はい", 3599.9996, 3601, "aligned")
    assert "\n01:00.000 --> 01:01.000\n" in WRITERS["vtt"](transcript(*turns))
    assert "\n01:00:00.000 --> 01:00:01.000\n" in WRITERS["vtt"](transcript(*turns))


def test_vtt_marks_what_the_model_was_unsure_of():
    """The parts may be cut by the end of a line."""
    assert WRITERS["vtt"](UNSURE).splitlines()[3:] == [
        "<v Ana><c.speaker>[Ana]: </c><c.unsure>bo</c>m <c.unsure>dia</c>, senhor</v>",
        "",
    ]
    assert WRITERS["vtt"](UNSURE, Layout(5, 3)).splitlines()[3:5] == [
        "<v Ana><c.speaker>[Ana]: </c><c.unsure>bo</c>m",
        "<c.unsure>dia</c>,</v>",
    ]


def test_tsv_has_the_share_of_unsure_words_or_japanese_characters():
    def shares(language: str) -> str:
        return WRITERS["tsv"](replace(UNSURE, language=language)).splitlines()[1].split("\t")[4]

    assert (shares("Portuguese"), shares("English"), shares("Japanese")) == ("0.67", "0.67", "0.38")


def test_tsv_has_a_column_for_the_source_of_a_translation():
    translated = transcript(Turn("a", "Yes.", 0, 1, "aligned", source="は\tい\nえ"), Turn(None, "No.", 1, 2, "aligned"))
    assert WRITERS["tsv"](translated).splitlines() == [
        "start\tend\ttext\tspeaker\tunsure\tsource",
        "0\t1000\tYes.\ta\t0.00\tは い え",
        "1000\t2000\tNo.\t\t0.00\t",
    ]


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
@pytest.mark.parametrize(
    ("text", "is_marked"), [("نعم، OK.", True), ("«بله» یعنی", True), ("OK، نعم.", False), ("はい。", False)]
)
def test_a_label_leaves_the_direction_of_the_text_as_it_is(suffix, text, is_marked):
    written = WRITERS[suffix](transcript(Turn("spk_0", text, 1.0, 2.0, "aligned")))
    assert (f"{TO_THE_LEFT}[spk_0]: " in written) == is_marked and "[spk_0]: " in written
    alone = WRITERS[suffix](transcript(Turn(None, text, 1.0, 2.0, "aligned")))
    assert TO_THE_LEFT not in alone and text in alone


def test_text_files_hold_no_invisible_marks():
    for suffix in ("txt", "tsv", "json"):
        assert TO_THE_LEFT not in WRITERS[suffix](transcript(Turn("spk_0", "نعم.", 1.0, 2.0, "aligned")))


def test_an_incomplete_transcript_says_so_at_its_end():
    assert WRITERS["txt"](PARTIAL) == WRITERS["txt"](TIMED) + f"{NOTICE}\n"
    last = f"01:01:03.000 --> 01:01:06.000\n{NOTICE}\n\n"
    assert WRITERS["srt"](PARTIAL) == WRITERS["srt"](TIMED) + "4\n" + last.replace(".0", ",0")
    note = f"WEBVTT\n\nNOTE {NOTICE}\n\n"
    assert WRITERS["vtt"](PARTIAL) == WRITERS["vtt"](TIMED).replace("WEBVTT\n\n", note) + last


def test_a_notice_without_turns_and_a_hostile_message():
    cut = replace(transcript(), warnings=(TranscriptWarning("damaged", "a-->\n\nb"),), duration_seconds=1.5)
    assert WRITERS["txt"](cut) == "[incomplete: a--> b]\n"
    assert WRITERS["srt"](cut) == "1\n00:00:01,500 --> 00:00:04,500\n[incomplete: a-> b]\n\n"
    assert WRITERS["vtt"](cut).count("-->") == 1 and WRITERS["vtt"](cut).count("[incomplete: a--&gt; b]") == 2
