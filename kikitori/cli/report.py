"""What the command line writes to standard error: lines and a progress bar for people, or JSON lines for programs."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from typing import Protocol, TextIO

from kikitori.audio.files import known_seconds
from kikitori.cli.inputs import Recording
from kikitori.strings import displayed

Advance = Callable[[float], None]
"""Takes how many seconds of a recording are done."""


class Report(Protocol):
    """What happens, as it happens. state: done, incomplete, failed, skipped or interrupted."""

    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Say something. level: info, note, warning or error. recording: what it is about, as the user typed it."""

    def start(self, recording: Recording, number: int, count: int) -> None:
        """Say that a recording is begun."""

    def progress(self, recording: Recording) -> Advance:
        """Return a context manager that gives a function to call with the seconds that are done."""

    def end(self, recording: Recording, state: str) -> None:
        """Say how a recording ended."""


class TextReport:
    """Lines, and a progress bar if standard error is a terminal."""

    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Print a line, such as `warning: a.wav: …`."""
        parts = ["" if level == "info" else level, recording, message]
        with suppress(OSError):  # the terminal is closed, and the work goes on
            print(displayed(": ".join(filter(None, parts))), file=sys.stderr, flush=True)

    def start(self, recording: Recording, number: int, count: int) -> None:
        """Print a line."""
        self.say(f"{number} of {count}: {recording.shown}")

    @contextmanager
    def progress(self, recording: Recording) -> Iterator[Advance]:
        """Show a bar."""
        from tqdm import tqdm

        total = known_seconds(recording.path)
        total = round(total, 1) if total else None
        with tqdm(total=total, unit="s", unit_scale=True, leave=False, disable=None) as bar:
            yield lambda seconds: bar.update(seconds - bar.n)

    def end(self, recording: Recording, state: str) -> None:
        """Print nothing: earlier lines report how it ended."""


class JsonReport:
    """One JSON object per line: `message`, `start`, `progress` and `end`, which is in the key `event`."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def _write(self, event: str, **values: object) -> None:
        print(json.dumps({"event": event, **values}), file=self._stream, flush=True)

    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Write a message."""
        self._write("message", level=level, recording=recording or None, message=message)

    def start(self, recording: Recording, number: int, count: int) -> None:
        """Write that a recording is begun."""
        self._write("start", recording=recording.shown, number=number, count=count)

    @contextmanager
    def progress(self, recording: Recording) -> Iterator[Advance]:
        """Write how much is done, and the length of the recording; null if its header does not give it."""
        total = known_seconds(recording.path)
        total = total and round(total, 3)
        yield lambda seconds: self._write("progress", recording=recording.shown, seconds=seconds, total_seconds=total)

    def end(self, recording: Recording, state: str) -> None:
        """Write how a recording ended."""
        self._write("end", recording=recording.shown, state=state)


class _Lines(io.TextIOBase):
    """A text stream that passes each line that is not empty to a function."""

    def __init__(self, take: Callable[[str], None]):
        self._take = take
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._take(line)
        return len(text)


@contextmanager
def make_report(kind: str) -> Iterator[Report]:
    """Give a report. kind: `bar` or `json`. With `json`, what libraries print to standard error is a message too."""
    if kind == "bar":
        report = TextReport()
        with _logged(report):
            yield report
        return
    report = JsonReport(sys.stderr)
    with redirect_stderr(_Lines(report.say)), _logged(report):
        yield report


class _LogLines(logging.Handler):
    """Reports what this package logs."""

    def __init__(self, report: Report):
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message."""
        self._report.say(record.getMessage(), record.levelname.lower())


@contextmanager
def _logged(report: Report) -> Iterator[None]:
    handler = _LogLines(report)
    logger = logging.getLogger("kikitori")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
