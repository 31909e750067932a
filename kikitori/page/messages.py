"""The messages that static/message.js shows while a job runs and when it has ended."""

from __future__ import annotations

import math
import time

from kikitori.audio.files import known_seconds
from kikitori.errors import SpeechError
from kikitori.strings import Duration, Level


class Clock:
    """How much of a visitor's recordings is done, and about how long the rest will take."""

    def __init__(self, paths: list[str]):
        self._lengths = [known_seconds(path) for path in paths]
        self._number, self._before, self._skipped = 0, 0.0, 0.0
        self._start = time.monotonic()

    def next_recording(self, seconds: float) -> None:
        """Count the current recording as done. seconds: how much of it was transcribed; the rest was refused."""
        length = self._lengths[self._number] or seconds
        self._before += length
        self._skipped += max(0.0, length - seconds)
        self._number += 1

    def message(self, seconds: float) -> dict:
        """The message for static/message.js. seconds: of the current recording, done so far."""
        total = None if None in self._lengths else sum(self._lengths)
        return progress(self._before + seconds, total, time.monotonic() - self._start, self._skipped)


def progress(done: float, total: float | None, spent: float, skipped: float = 0.0) -> dict:
    """The message for static/message.js: seconds of sound done and in total, and seconds left; None if unknown.

    spent: seconds of work so far. skipped: seconds of sound among `done` that took no work.
    """
    worked = done - skipped
    left = max(0.0, spent * (total - done) / worked) if total and worked > 0 else None
    return {"done": done, "total": total, "left": left}


def error_message(*errors: SpeechError) -> dict:
    """The message for static/message.js: errors in English, and what it takes to show them in other languages."""
    return {"errors": [error_record(error) for error in errors]}


def error_record(error: SpeechError) -> dict:
    """One error of `error_message`."""
    values = {name: _with_unit(value) for name, value in error.values.items()}
    return {"text": str(error), "code": error.code, "values": values}


def _with_unit(value: object) -> object:
    """A duration or a level as a number with its unit, for static/i18n.js; all else as it is."""
    if isinstance(value, Duration):
        return {"seconds": float(value)}
    if isinstance(value, Level):
        return {"decibels": None if math.isinf(value) else float(value)}
    return value
