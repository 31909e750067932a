"""Subtitles of any text lose none of it, never overlap, and keep their limits."""

from __future__ import annotations

import unicodedata
from itertools import accumulate, pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.output.subtitles import make_subtitles, timed_turns
from kikitori.transcript import Turn, Word
from tests.support.subtitles import times, transcript, window

HOSTILE = "ab.Z,?!-->&<>\"' \n\r\t\x00\x0b\x1c\x85\u2028\u2029\u200b\u200d\u200f\u0301\u3000\ufeff()1:"
SCRIPTS = "あいうっゃおごを、。？「」ーアｱ漢字々〜・＆１אبéã👩👍🏽🇯🇵한กขรับๆ้ำเแपर्थिक।مب،؟ЯΣ«»“”"
TEXTS = st.text(st.sampled_from(HOSTILE + SCRIPTS) | st.characters(exclude_categories=["Cs"]), max_size=120)
TEXTS = TEXTS.map(str.strip).filter(bool) | st.sampled_from(
    ["one two " * 30 + "x", "はい。" * 40, "あ" * 200, "w" * 99]
)
SECONDS = st.floats(0, 100, allow_subnormal=False) | st.sampled_from([0.0, 0.0004, 0.0005, 1 / 3, 59.9996, 3599.9999])


@st.composite
def words_of(draw, text: str) -> tuple[Word, ...]:
    """Words that join to a text, with times in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=9))) if len(text) > 1 else []
    pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    if not all(piece.strip() for piece in pieces):
        return ()
    spans = [sorted(draw(st.lists(SECONDS, min_size=2, max_size=2, unique=True))) for _ in pieces]
    return tuple(Word(piece, *span) for piece, span in zip(pieces, spans, strict=True))


@st.composite
def turns_of_any_kind(draw) -> Turn:
    text, speaker = draw(TEXTS), draw(st.sampled_from(["spk_0", "spk_1", None]))
    start, end = sorted(draw(st.tuples(SECONDS, SECONDS)))
    timing = draw(st.sampled_from(["aligned", "window"]))
    return Turn(speaker, text, start, end, timing, draw(words_of(text)) if timing == "aligned" else ())


@st.composite
def windows_in_a_row(draw) -> list[Turn]:
    edges = sorted(draw(st.lists(SECONDS, min_size=2, max_size=5)))
    overlap = draw(st.sampled_from([0.0, 0.5]))
    return [
        window(text, start, end + overlap, draw(st.sampled_from(["spk_0", "spk_1", None])))
        for start, end in pairwise(edges)
        for text in draw(st.lists(TEXTS, min_size=1, max_size=3))
    ]


def solid(texts) -> str:
    return "".join("".join(text.split()) for text in texts)


def columns(text: str) -> int:
    """What readers see as one character is as wide as its widest part; marks take no column."""
    return sum(max(map(width_of, character)) for character in regex.findall(r"\X", text))


def width_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def is_one(text: str) -> bool:
    return len(regex.findall(r"\X", text)) == 1


@pytest.mark.slow
@settings(max_examples=150)
@given(
    turns=st.lists(turns_of_any_kind(), max_size=6) | windows_in_a_row(),
    language=st.sampled_from(["Japanese", "English", "Chinese", "Cantonese", "Korean", "Thai", "Arabic", ""]),
    width=st.none() | st.integers(1, 50),
    count=st.none() | st.integers(1, 4),
    duration=SECONDS,
)
def test_subtitles_of_arbitrary_turns(turns, language, width, count, duration):
    subtitles = make_subtitles(transcript(*turns, language=language, duration=duration), width, count)
    milliseconds = [
        (round(subtitle.start_seconds * 1000), round(subtitle.end_seconds * 1000)) for subtitle in subtitles
    ]
    assert [(start / 1000, end / 1000) for start, end in milliseconds] == times(subtitles)
    assert all(start < end <= start + 7000 for start, end in milliseconds)
    assert all(end <= following for (_, end), (following, _) in pairwise(milliseconds))
    usual = {"Japanese": 20, "Chinese": 16, "Cantonese": 16, "Korean": 16, "Thai": 35}.get(language, 42)
    limit = (width or usual) * (2 if usual in (16, 20) else 1)
    for subtitle in subtitles:
        assert 1 <= len(subtitle.lines) <= (count or 2)
        for line in subtitle.lines:
            assert line and line == " ".join(line.split())
            assert columns(line) <= limit or is_one(line)
    for speaker in {turn.speaker for turn in turns}:
        of_speaker = [turn.text for turn in turns if turn.speaker == speaker]
        shown = [line for subtitle in subtitles if subtitle.speaker == speaker for line in subtitle.lines]
        assert sorted(solid(shown)) == sorted(solid(of_speaker))


@pytest.mark.slow
@settings(max_examples=100)
@given(turns=windows_in_a_row() | turns_of_any_kind().map(lambda turn: [turn]))
def test_every_character_is_there_once_and_in_order(turns):
    subtitles = make_subtitles(transcript(*turns))
    assert solid(line for subtitle in subtitles for line in subtitle.lines) == solid(turn.text for turn in turns)
    seen = list(accumulate(len(solid(subtitle.lines)) for subtitle in subtitles))
    ends = list(accumulate(len(solid([turn.text])) for turn in turns))
    assert set(ends) <= set(seen)  # no subtitle has text of two turns


@settings(max_examples=100)
@given(turns=st.lists(turns_of_any_kind(), max_size=6) | windows_in_a_row())
def test_dividing_times_changes_nothing_else(turns):
    spread = timed_turns(transcript(*turns))
    assert [(turn.speaker, turn.text, turn.timing, turn.words) for turn in spread] == [
        (turn.speaker, turn.text, turn.timing.replace("window", "estimated"), turn.words) for turn in turns
    ]
    for before, after in zip(turns, spread, strict=True):
        assert before.start_seconds <= after.start_seconds <= after.end_seconds <= before.end_seconds


@pytest.mark.slow
@settings(max_examples=200)
@given(
    text=TEXTS | st.just(""),
    said=TEXTS,
    language=st.sampled_from(["English", "Japanese"]),
    width=st.none() | st.integers(1, 30),
    count=st.none() | st.integers(1, 3),
)
def test_both_texts_keep_their_limits_whatever_their_lengths(text, said, language, width, count):
    turn = Turn(None, text, 0.0, 20.0, "estimated", source=said)
    made = make_subtitles(transcript(turn, language=language), width, count)
    assert solid(line for subtitle in made for line in subtitle.lines) == solid([text])
    assert solid(line for subtitle in made for line in subtitle.source) == solid([said])
    assert all(max(len(subtitle.lines), len(subtitle.source)) <= (count or 2) for subtitle in made)
    assert all(subtitle.lines or subtitle.source for subtitle in made)
