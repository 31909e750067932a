"""The server-sent events of `stream=true`: text that is final, segments with speakers, and the end."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kikitori.api.answers import segment_id, speaker_segment, warnings_of
from kikitori.strings import join_texts
from kikitori.timing import estimate_times
from kikitori.transcript import Transcript, Turn
from kikitori.update import Update


class Events:
    """Makes the events of one job from its results.

    Deltas add up to the whole text. With segments, each turn has one, as soon as no later turn can change its times.
    """

    def __init__(self, with_segments: bool):
        self._times = SettledTimes() if with_segments else None
        self._last = ""  # character of the text so far
        self._deltas = self._segments = 0

    def of(self, step: Update | Transcript) -> Iterator[dict]:
        """Yield the events of a job's next result."""
        if isinstance(step, Transcript):
            yield from self._timed(self._times.end() if self._times else [])
            warnings = {"warnings": warnings_of(step)} if step.warnings else {}
            yield {"type": "transcript.text.done", "text": step.text} | warnings
            return
        yield from map(self._delta, step.turns)
        yield from self._timed(self._times.add(step.turns) if self._times else [])

    def _delta(self, turn: Turn) -> dict:
        added = join_texts((self._last, turn.text))[len(self._last) :]
        self._last = turn.text[-1]
        segment = {"segment_id": segment_id(self._deltas)} if self._times else {}
        self._deltas += 1
        return {"type": "transcript.text.delta", "delta": added} | segment

    def _timed(self, turns: list[Turn]) -> Iterator[dict]:
        for turn in turns:
            yield speaker_segment(self._segments, turn)
            self._segments += 1


class SettledTimes:
    """Estimates the times of turns that come one after another, as `estimate_times` does for all of them.

    The turns of a window share its time; the neighbours of a window decide where that begins and ends.
    """

    def __init__(self):
        self._before: list[Turn] = []
        self._window: list[Turn] = []

    def add(self, turns: tuple[Turn, ...]) -> list[Turn]:
        """Take the next turns; return those whose times are settled now."""
        settled: list[Turn] = []
        for turn in turns:
            if self._window and _times(turn) != _times(self._window[0]):
                settled += self._settle([turn])
            self._window.append(turn)
        return settled

    def end(self) -> list[Turn]:
        """Return the turns that were not settled before the last one."""
        return self._settle([])

    def _settle(self, following: list[Turn]) -> list[Turn]:
        timed = estimate_times((*self._before, *self._window, *following))
        start, end = len(self._before), len(self._before) + len(self._window)
        self._before, self._window = self._window, []
        return list(timed[start:end])


def _times(turn: Turn) -> tuple:
    return turn.timing, turn.start_seconds, turn.end_seconds


def encode(event: dict) -> bytes:
    """An event as it is sent."""
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
