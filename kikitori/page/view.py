"""The values that static/view.js shows."""

from __future__ import annotations

import time
from base64 import b64encode
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, replace

from kikitori.audio.files import SAMPLE_RATE, known_seconds
from kikitori.output.subtitles import timed_turns
from kikitori.page.outline import Outline
from kikitori.peaks import Peaks
from kikitori.transcript import Transcript, Turn
from kikitori.update import Transcription, Update, partial_warning

REPEAT_SECONDS = 2.0
"""Gradio may show only the last of several values that arrive together, so each value repeats those of this time."""


def to_view(transcript: Transcript, path: str) -> dict:
    """Return a whole recording for static/view.js: its transcript, the time of each turn, and its sound.

    path: the sound's file in Gradio's cache, which the browser may fetch.
    """
    return {
        "transcript": _record(transcript),
        "speakers": list(transcript.speakers),
        "times": _times(timed_turns(transcript)),
        "sound": path,
    }


class GrowingView:
    """A recording while it is transcribed: for each update, a value that holds only what is new.

    Such a value keeps the first `kept` turns, warnings, raw texts and levels that static/view.js has, and replaces all
    others.
    Its size depends on one window, or on those of REPEAT_SECONDS, and not on the length of the recording.
    outline: of the recording's file.
    """

    def __init__(self, transcription: Transcription, path: str, outline: Outline):
        self._transcription = transcription
        self._path = path
        self._whole_outline = outline
        self._length = known_seconds(path)
        self._turns: list[Turn] = []
        self._warnings: list[dict] = []
        self._raw_texts: list[str] = []
        self._speakers: dict[str, None] = {}
        self._settled_levels = 0
        self._recent: deque[tuple[float, dict[str, int]]] = deque()
        self.is_empty = True
        """Whether no update has come yet."""

    def add(self, update: Update) -> dict:
        """Return the value that shows an update."""
        kept = self._kept()
        blank = self._transcription.blank
        self._turns += update.turns
        self._warnings += map(asdict, (*(blank.warnings if self.is_empty else ()), *update.warnings))
        self._raw_texts += update.raw_texts
        self._speakers |= _speakers(update.turns)
        new = self._timed_from(kept["turns"], update.open_turns)
        self.is_empty = False
        seconds = self._transcription.duration_seconds
        language = self._transcription.language
        added = replace(blank, turns=new, language=language, warnings=(), duration_seconds=seconds)
        return {
            "kept": kept,
            "transcript": _record(added) | {"warnings": self._warnings[kept["warnings"] :]},
            "raw_texts": self._raw_texts[kept["raw_texts"] :],
            "partial": [] if self._transcription.is_complete else [asdict(partial_warning(seconds))],
            "speakers": list(self._speakers | _speakers(update.open_turns)),
            "times": _times(new),
            "sound": self._path,
            **self._outline(kept["levels"]),
        }

    def whole(self) -> dict:
        """Return all that is transcribed so far, as `to_view`."""
        return to_view(self._transcription.transcript, self._path) | self._outline()

    def _outline(self, first: int = 0) -> dict:
        """What the timeline is drawn from: the peaks from the first on, and the recording's length if it is known.

        The peaks are those of the whole file as soon as it is read, and those of what is transcribed before.
        """
        peaks = self._whole_outline.peaks or self._transcription.peaks
        self._settled_levels = peaks.settled // 3 * 3  # three bytes are four whole letters of base64
        return {"peaks": _peaks(peaks, first), "length": self._length}

    def _kept(self) -> dict[str, int]:
        """How much of what static/view.js has will stay as it is, however few of the recent values it has shown.

        The times of the last window's turns may change, because they share its time with the next window's.
        """
        now = time.monotonic()
        while self._recent and self._recent[0][0] < now - REPEAT_SECONDS:
            self._recent.popleft()
        stays = {
            "turns": self._window_start(len(self._turns)),
            "warnings": len(self._warnings),
            "raw_texts": len(self._raw_texts),
            "levels": self._settled_levels,
        }
        self._recent.append((now, stays))
        return self._recent[0][1]

    def _timed_from(self, first: int, open_turns: Sequence[Turn]) -> tuple[Turn, ...]:
        """The turns from the first on, with their times. The window before them can end where theirs begins."""
        before = self._window_start(first)
        return timed_turns(replace(self._transcription.blank, turns=(*self._turns[before:], *open_turns)))[
            first - before :
        ]

    def _window_start(self, end: int) -> int:
        """The first of the turns that end before `end` and share the times of the last of them."""
        start = end
        while start and _span(self._turns[start - 1]) == _span(self._turns[end - 1]):
            start -= 1
        return start


def _span(turn: Turn) -> tuple:
    return turn.timing, turn.start_seconds, turn.end_seconds


def _speakers(turns: Sequence[Turn]) -> dict[str, None]:
    """The labels, in the order of their first words."""
    return dict.fromkeys(turn.speaker for turn in turns if turn.speaker is not None)


def _peaks(peaks: Peaks, first: int) -> dict:
    """The levels from the first on as base64, one byte each, and how many seconds one stands for."""
    return {"levels": b64encode(peaks.levels[first:]).decode(), "each": peaks.samples_per_level / SAMPLE_RATE}


def _times(turns: Sequence[Turn]) -> list[list[float]]:
    return [[turn.start_seconds, turn.end_seconds] for turn in turns]


def _record(transcript: Transcript) -> dict:
    """The transcript as JSON, without the joined text, which corrections would leave wrong."""
    return {key: value for key, value in transcript.to_dict().items() if key != "text"}
