"""Other programs read what the writers write, whatever the text is."""

from __future__ import annotations

import csv
import html
import re
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

from kikitori.output.files import write_atomically
from kikitori.output.subtitles import make_subtitles
from kikitori.output.writers import WRITERS, Layout
from kikitori.transcript import Turn
from tests.support.calls import NOTICE, PARTIAL, SPREAD, TO_THE_LEFT, UNSURE, transcript

SPEAKS = "<v spk_0><c.speaker>[spk_0]: </c>"
HOSTILE = (
    "1\n\n2\n00:00:01,000 --> 00:00:02,000\nforged",
    "x\u2028-->\u2029\u0085----> a-- >",
    "WEBVTT\n\nNOTE \"a\" & 'b' <v spk_1>x</v> &lt; &amp;",
    "start\tend\ttext\n0\t1\tforged\r\n;; SPEAKER",
    "\u200fשלום\u200e 👩‍👩‍👧 é \x0b\x0c\x1c ok",
)


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


@settings(max_examples=60)
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


@settings(max_examples=60)
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


@settings(max_examples=60)
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


def test_readers_read_the_notice():
    assert [caption.text for caption in webvtt.from_string(WRITERS["vtt"](PARTIAL), strict=True)][-1] == NOTICE
    text = WRITERS["srt"](PARTIAL)
    assert [item.content for item in srt.parse(text)][-1] == pysrt.from_string(text)[-1].text == NOTICE


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
