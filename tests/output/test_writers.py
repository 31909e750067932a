"""Files that other programs can read, and that are never written in part."""

from __future__ import annotations

import csv
import html
import json
import os
import re
import stat
from dataclasses import replace
from datetime import timedelta

import av
import pysrt
import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from pyannote.core import Segment
from pyannote.database.util import load_rttm

from kikitori.errors import SpeechError
from kikitori.output.files import write_atomically
from kikitori.output.subtitles import make_subtitles
from kikitori.output.writers import WRITERS, Layout
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from kikitori.update import partial_warning


def transcript(*turns: Turn) -> Transcript:
    return Transcript(
        audio="call.wav",
        turns=turns,
        direction="diarize",
        language="Japanese",
        checkpoint="someone/checkpoint@1234567",
        duration_seconds=12.5,
        raw_text="<|spk_0|> はい。",
        warnings=(TranscriptWarning("empty_turn", "a sentence"),),
    )


CALL = transcript(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"), Turn(None, "え"), Turn("spk_1", "もしもし"))
TIMED = transcript(
    Turn("spk_0", "はい、お電話ありがとうございます。山田歯科の受付でございます。", 0.5, 6.25, "aligned"),
    Turn(None, "え", 6.5, 6.5, "aligned"),
    Turn("spk_1", "A & B <i>\tdepois?", 3661.0004, 3662.9996, "aligned"),
)
SPREAD = transcript(Turn("spk_0", "はい。", 1, 4, "window"), Turn("spk_1", "もしもし。", 1, 4, "window"))
SPEAKS = "<v spk_0><c.speaker>[spk_0]: </c>"
TO_THE_LEFT = "\u200f"
"""What stands before the label of a text from right to left."""
NEED_TIMES = ("srt", "vtt", "tsv", "rttm")
HOSTILE = (
    "1\n\n2\n00:00:01,000 --> 00:00:02,000\nforged",
    "x\u2028-->\u2029\u0085----> a-- >",
    "WEBVTT\n\nNOTE \"a\" & 'b' <v spk_1>x</v> &lt; &amp;",
    "start\tend\ttext\n0\t1\tforged\r\n;; SPEAKER",
    "\u200fשלום\u200e 👩‍👩‍👧 é \x0b\x0c\x1c ok",
)


@pytest.fixture
def umask():
    """Set the process's umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


UNSURE = replace(
    transcript(Turn("Ana", "bom dia, senhor", 0, 4, "aligned", low_confidence=((0, 2), (4, 7)))), language="Portuguese"
)


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


PARTIAL = replace(TIMED, warnings=(partial_warning(12.5), TranscriptWarning("loop", "said twice")))
NOTICE = "[incomplete: only the first 12 s are in this transcript]"


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


def test_readers_read_the_notice():
    assert [caption.text for caption in webvtt.from_string(WRITERS["vtt"](PARTIAL), strict=True)][-1] == NOTICE
    text = WRITERS["srt"](PARTIAL)
    assert [item.content for item in srt.parse(text)][-1] == pysrt.from_string(text)[-1].text == NOTICE


def test_a_notice_without_turns_and_a_hostile_message():
    cut = replace(transcript(), warnings=(TranscriptWarning("damaged", "a-->\n\nb"),), duration_seconds=1.5)
    assert WRITERS["txt"](cut) == "[incomplete: a--> b]\n"
    assert WRITERS["srt"](cut) == "1\n00:00:01,500 --> 00:00:04,500\n[incomplete: a-> b]\n\n"
    assert WRITERS["vtt"](cut).count("-->") == 1 and WRITERS["vtt"](cut).count("[incomplete: a--&gt; b]") == 2


def test_chromium_shows_the_speaker_and_no_tags(browser):
    page = browser.new_page()
    page.set_content("<video></video>")
    text = WRITERS["vtt"](UNSURE)
    page.evaluate(
        """async (text) => {
            const track = document.createElement("track");
            track.src = URL.createObjectURL(new Blob([text], { type: "text/vtt" }));
            document.querySelector("video").append(track);
            track.track.mode = "showing";
            await new Promise((loaded) => track.addEventListener("load", loaded));
            document.body.append(track.track.cues[0].getCueAsHTML());
        }""",
        text,
    )
    assert page.locator("body").inner_text() == "[Ana]: bom dia, senhor"
    assert page.locator("span[title=Ana] .unsure").all_inner_texts() == ["bo", "dia"]
    page.close()


def test_ffmpeg_shows_the_speaker_and_no_tags(tmp_path):
    (tmp_path / "a.vtt").write_text(WRITERS["vtt"](UNSURE), encoding="utf-8")
    with av.open(tmp_path / "a.vtt") as container:
        shown = [subtitle.dialogue.decode() for packet in container.demux() for subtitle in packet.decode()]
    assert shown == ["[Ana]: bom dia, senhor"]


# Readers of other programs


def spoken(text: str) -> str:
    """The characters of a text, white space aside, as SubRip can hold them."""
    return re.sub("-{2,}>", "->", "".join(text.split()))


def hostile_turns(*texts: str, speaker: str | None = "spk_0") -> tuple[Turn, ...]:
    return tuple(
        Turn(speaker, text, 2.0 * number, 2.0 * number + 1.9, "aligned") for number, text in enumerate(texts, start=1)
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_in_its_field(text):
    shown = " ".join(text.split())
    one = replace(transcript(*hostile_turns(text)), language="English", duration_seconds=3.9)
    wide = Layout(max_line_width=200)
    number, clock, line, *rest = WRITERS["srt"](one, wide).split("\n")
    assert (number, clock, rest) == ("1", "00:00:02,000 --> 00:00:03,900", ["", ""])
    assert line.removeprefix(TO_THE_LEFT) == f"[spk_0]: {re.sub('-{2,}>', '->', shown)}"
    header, _, clock, line, *rest = WRITERS["vtt"](one, wide).split("\n")
    assert (header, clock, rest) == ("WEBVTT", "00:02.000 --> 00:03.900", ["", ""])
    line = line.replace(f"{TO_THE_LEFT}[", "[", 1)
    tag, line = line[: len(SPEAKS)], line[len(SPEAKS) :].removesuffix("</v>")
    assert tag == SPEAKS and html.unescape(line) == shown and not re.search("[<>]|&(?!(amp|lt|gt);)", line)
    header, row, *rest = WRITERS["tsv"](one).split("\n")
    assert (row.count("\t"), rest, row.splitlines()) == (4, [""], [row])
    assert spoken(row.split("\t")[2]) == spoken(text)


@pytest.mark.parametrize("suffix", ["txt", "srt", "vtt", "tsv", "rttm"])
def test_a_speakers_name_cannot_forge_a_line(suffix):
    plain = WRITERS[suffix](transcript(*hostile_turns("はい", speaker="a b")))
    assert WRITERS[suffix](transcript(*hostile_turns("はい", speaker="a\n \u2028b"))) == plain


@pytest.mark.parametrize(
    ("suffix", "label"), [("srt", "[->]: はい"), ("vtt", "<v --&gt;><c.speaker>[--&gt;]: </c>はい</v>")]
)
def test_a_speakers_name_cannot_forge_an_arrow(suffix, label):
    lines = WRITERS[suffix](transcript(*hostile_turns("はい", speaker="-->"))).splitlines()
    assert label in lines and sum("-->" in line for line in lines) == 1


TEXTS = st.text(st.sampled_from('ab1 ,.-->&<>;"\n\r\t\x0b\x85\u2028\u200fאはい。、ー👩\u200d🇯é'), max_size=60)
TEXTS = TEXTS.map(str.strip).filter(bool) | st.sampled_from(HOSTILE)
CALLS = st.lists(TEXTS, max_size=4).map(lambda texts: transcript(*hostile_turns(*texts)))
LAYOUTS = st.sampled_from([Layout(), Layout(8, 1), Layout(12, 3), Layout(max_line_width=1)])


def milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


@settings(deadline=None, max_examples=60)
@given(call=CALLS, layout=LAYOUTS)
def test_srt_readers_read_every_subtitle(call, layout):
    text = WRITERS["srt"](call, layout)
    subtitles = make_subtitles(call, layout.max_line_width, layout.max_line_count)
    expected = [
        (
            round(subtitle.start_seconds * 1000),
            round(subtitle.end_seconds * 1000),
            spoken(f"[{subtitle.speaker}]:{''.join(subtitle.lines)}"),
        )
        for subtitle in subtitles
    ]
    read = list(srt.parse(text))
    assert [item.index for item in read] == list(range(1, len(subtitles) + 1))
    contents = [spoken(item.content).removeprefix(TO_THE_LEFT) for item in read]
    assert [(*map(milliseconds, (item.start, item.end)), text) for item, text in zip(read, contents, strict=True)] == (
        expected
    )
    also_read = pysrt.from_string(text, error_handling=pysrt.ERROR_RAISE)
    assert [
        (item.start.ordinal, item.end.ordinal, spoken(item.text).removeprefix(TO_THE_LEFT)) for item in also_read
    ] == expected


@settings(deadline=None, max_examples=60)
@given(call=CALLS, layout=LAYOUTS)
def test_vtt_readers_read_every_subtitle(call, layout):
    read = webvtt.from_string(WRITERS["vtt"](call, layout), strict=True)
    assert [
        (
            caption.start_time.in_milliseconds(),
            caption.end_time.in_milliseconds(),
            caption.voice,
            html.unescape(caption.text).removeprefix(TO_THE_LEFT).split("\n"),
        )
        for caption in read
    ] == [
        (
            round(subtitle.start_seconds * 1000),
            round(subtitle.end_seconds * 1000),
            subtitle.speaker,
            [f"[{subtitle.speaker}]: {subtitle.lines[0]}", *subtitle.lines[1:]],
        )
        for subtitle in make_subtitles(call, layout.max_line_width, layout.max_line_count)
    ]


def test_vtt_readers_read_the_note():
    read = webvtt.from_string(WRITERS["vtt"](SPREAD), strict=True)
    assert [comment.split(":")[0] for comment in read.header_comments] == ["Times are estimates"]
    assert [caption.text for caption in read] == ["[spk_0]: はい。", "[spk_1]: もしもし。"]


@settings(deadline=None, max_examples=60)
@given(call=CALLS)
def test_tsv_readers_read_every_turn(call):
    rows = list(csv.reader(WRITERS["tsv"](call).splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows[0] == ["start", "end", "text", "speaker", "unsure"]
    assert [(int(start), int(end)) for start, end, *_ in rows[1:]] == [
        (round(turn.start_seconds * 1000), round(turn.end_seconds * 1000)) for turn in call.turns
    ]
    assert [("".join(text.split()), speaker) for _, _, text, speaker, _ in rows[1:]] == [
        ("".join(turn.text.split()), turn.speaker) for turn in call.turns
    ]


def test_rttm_readers_read_every_turn(tmp_path):
    path = tmp_path / "call.rttm"
    turns = (
        Turn("spk_0", "はい", 0.5, 1.25, "aligned"),
        Turn("spk_1", "ええ", 1, 2, "aligned"),
        Turn(None, "え", 3, 4, "window"),
    )
    write_atomically(path, WRITERS["rttm"](replace(transcript(*turns), audio="my call.wav")))
    ((name, annotation),) = load_rttm(path).items()
    assert name == "my_call"
    assert [(segment, label) for segment, _, label in annotation.itertracks(yield_label=True)] == [
        (Segment(0.5, 1.25), "spk_0"),
        (Segment(1, 2), "spk_1"),
        (Segment(3, 4), "unknown"),
    ]


# Files


def test_a_new_file_is_utf8_and_keeps_line_ends(tmp_path):
    write_atomically(tmp_path / "a.txt", "はい\nsim\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "はい\nsim\r\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("a much longer old text")
    write_atomically(str(tmp_path / "a.txt"), "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o027, 0o640)])
def test_a_new_file_has_the_usual_permissions_of_new_files(tmp_path, umask, mask, expected):
    umask(mask)
    write_atomically(tmp_path / "a.txt", "new")
    assert mode(tmp_path / "a.txt") == expected


@pytest.mark.parametrize("permissions", [0o600, 0o664])
def test_an_old_file_keeps_its_permissions(tmp_path, umask, permissions):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(permissions)
    write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert mode(tmp_path / "a.txt") == permissions


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_whole(tmp_path, monkeypatch, step):
    (tmp_path / "a.txt").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_old_file_is_there_until_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    seen = []

    def look(descriptor):
        seen.append(((tmp_path / "a.txt").read_text(), os.fstat(descriptor).st_size))
        assert len(os.listdir(tmp_path)) == 2  # the temporary file is in the same folder, so on the same disk

    monkeypatch.setattr(os, "fsync", look)
    write_atomically(tmp_path / "a.txt", "newer")
    assert seen == [("old", 5)]


def test_text_that_utf8_cannot_hold_leaves_the_old_file_whole(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(tmp_path / "a.txt", "new \ud800")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a.txt", "new")
    assert os.listdir(tmp_path) == []
