"""Short ways to write turns and transcripts, and to look at their subtitles."""

from __future__ import annotations

from kikitori.output.subtitles import Subtitle, make_subtitles
from kikitori.transcript import Transcript, Turn, Word


def transcript(*turns: Turn, language: str = "Japanese", duration: float = 1000.0) -> Transcript:
    return Transcript("call.wav", turns, "diarize", language, "someone/checkpoint", duration, "raw")


def aligned(text: str, start: float, end: float, speaker: str | None = None) -> Turn:
    return Turn(speaker, text, start, end, "aligned")


def window(text: str, start: float, end: float, speaker: str | None = None) -> Turn:
    return Turn(speaker, text, start, end, "window")


def spoken(*words: tuple[str, float, float]) -> Turn:
    text = "".join(word for word, _, _ in words)
    return Turn(None, text, words[0][1], words[-1][2], "aligned", tuple(Word(*word) for word in words))


def lines_of(text: str, language: str, seconds: float = 5.0, **layout: int) -> list[tuple[str, ...]]:
    return [
        subtitle.lines
        for subtitle in make_subtitles(transcript(aligned(text, 0, seconds), language=language), **layout)
    ]


def times(subtitles: list[Subtitle]) -> list[tuple[float, float]]:
    return [(subtitle.start_seconds, subtitle.end_seconds) for subtitle in subtitles]
