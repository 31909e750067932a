"""Parsers and writers on arbitrary text."""

from __future__ import annotations

import json
import re
from itertools import accumulate

import srt
from hypothesis import example, given
from hypothesis import strategies as st

from kikitori.languages import CODES
from kikitori.output.subtitles import make_subtitles
from kikitori.output.writers import WRITERS
from kikitori.result import DecodingResult
from kikitori.strings import displayed, join_texts
from kikitori.text.faults import FAULTS, find_faults
from kikitori.text.tags import CONTROL_TOKENS, parse_plain, parse_turns
from kikitori.transcript import Transcript, Turn

SCRIPTS = "aZ1 .,-あ、「。漢Ａ한กร้ำๆपर्कि।مب،؟\u200fЯΣ«»👩\u200d"
ANY_TEXT = st.text(min_size=1, max_size=60) | st.text(SCRIPTS, min_size=1, max_size=60)
TAGS = re.compile(r"<\|spk_[0-9]+\|>|" + "|".join(map(re.escape, CONTROL_TOKENS)))
MODEL_TEXTS = st.lists(
    st.sampled_from(["<|spk_0|>", "<|spk_1|>", "<|spk_99|>", "<|spk_|>", "<|", "|>", *CONTROL_TOKENS[:8], " ", "\n"])
    | st.text(max_size=20)
).map("".join)
"""Any Unicode with tags, parts of tags and control tokens in it."""


@st.composite
def transcripts(draw) -> Transcript:
    """Turns with times of their own, in order, and with any text and any speaker's name."""
    texts = draw(st.lists(ANY_TEXT.map(str.strip).filter(bool), max_size=6))
    steps = draw(st.lists(st.integers(0, 500_000), min_size=2 * len(texts), max_size=2 * len(texts)))
    times = [milliseconds / 1000 for milliseconds in accumulate(steps)]
    speakers = draw(st.lists(st.none() | st.text(min_size=1, max_size=10), min_size=len(texts), max_size=len(texts)))
    turns = tuple(
        Turn(speaker, text, start, end, "aligned")
        for speaker, text, start, end in zip(speakers, texts, times[::2], times[1::2], strict=True)
    )
    language = draw(st.sampled_from(["", *CODES]))
    name = draw(st.text(min_size=1, max_size=20))
    return Transcript(name, turns, "diarize", language, "tiny", max(times, default=0.0), draw(MODEL_TEXTS))


def words(text: str) -> str:
    return "".join(text.split())


@given(MODEL_TEXTS)
def test_parsing_loses_nothing_but_tags_and_white_space(text):
    for parse in (parse_turns, parse_plain):
        turns, _ = parse(text)
        assert words("".join(turn.text for turn in turns)) == words(TAGS.sub(" ", text))
    assert {kind for kind in find_faults(DecodingResult(text, "end"), 2.0)} <= FAULTS.keys()


@given(st.lists(st.just("") | ANY_TEXT))
def test_joining_keeps_every_character_in_order(texts):
    assert words(join_texts(texts)) == words("".join(texts))


@given(transcripts())
def test_json_can_be_read_back(transcript):
    assert Transcript.from_dict(json.loads(WRITERS["json"](transcript))) == transcript


@given(transcripts())
@example(Transcript("/", (Turn(None, "0", 0.0, 1.0, "aligned"),), "diarize", "Japanese", "tiny", 1.0, ""))
def test_readers_read_what_every_writer_writes(transcript):
    written = {suffix: write(transcript) for suffix, write in WRITERS.items()}
    for text in written.values():
        text.encode()
    subtitles = make_subtitles(transcript)
    read = list(srt.parse(written["srt"], ignore_errors=False))
    assert len(read) == len(list(subtitles))
    assert written["vtt"].count(" --> ") == len(read)
    assert written["txt"].count("\n") == len(transcript.turns)
    rows = [row.split("\t") for row in written["tsv"].split("\n")[:-1]]
    assert len(rows) == 1 + len(transcript.turns) and {len(row) for row in rows} == {5}
    assert all(len(line.split()) == 10 for line in written["rttm"].split("\n")[:-1])


@given(st.text(st.characters(), max_size=50))
def test_displayed_text_is_one_line_of_utf8(text):
    shown = displayed(text)
    assert shown.encode() and len(shown.splitlines()) == 1 if text else shown == ""
    assert displayed(shown) == shown and len(shown) == len(text)
