"""Deliver one recording's transcript: print it window by window, or write files once the recording is done."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from kikitori.cli.inputs import Recording
from kikitori.cli.report import Report
from kikitori.engines.journal import journal_path
from kikitori.errors import OutputError
from kikitori.output.files import check_writable, print_output, write_output
from kikitori.output.writers import WRITERS, Layout
from kikitori.strings import displayed
from kikitori.tasks import TASKS
from kikitori.text.confidence import unsure_share
from kikitori.timing import is_estimated
from kikitori.transcript import Transcript, Turn
from kikitori.update import Update

TIMED_FORMATS = {"srt", "vtt", "tsv", "rttm"}


def formats_of(options: argparse.Namespace) -> list[str]:
    """Return the formats that the options ask for."""
    return list(WRITERS) if "all" in options.output_format else options.output_format


def estimates_note(direction: str) -> str:
    """The note for times that were not measured."""
    remedy = "" if TASKS[direction].translates else "; --align measures them"
    return f"times are estimates{remedy}"


class Delivery:
    """Prints or writes one recording's transcript.

    is_alone: whether it is the only recording of the command. outputs: format -> file, or None for standard output.
    journal_path: of the recording's journal. written: format -> text of the files written so far. summary: the
    transcript's row in a report, once it is finished.
    """

    def __init__(self, options: argparse.Namespace, recording: Recording, is_alone: bool, report: Report):
        self.recording = recording
        self.written: dict[str, str] = {}
        self.summary: dict[str, float | None] = {}
        path = options.output_dir and options.output_dir / recording.output
        self.outputs: dict[str, Path | None] = {
            suffix: path and path.with_name(f"{path.name}.{suffix}") for suffix in formats_of(options)
        }
        self.journal_path = path and journal_path(path.parent, path.name, options.direction)
        self._report = report
        self._layout = Layout(options.max_line_width, options.max_line_count)
        self._is_alone = is_alone
        self._is_streamed = path is None and options.output_format == ["txt"]
        self._has_header = self._is_streamed and not is_alone
        self._direction = options.direction
        self._printed = 0

    def check(self, inputs: Container[str]) -> None:
        """Raise OutputError, or AudioError for a name that is too long, if an output file could not be written.

        inputs: real paths of all files that the command reads; none of them is replaced.
        """
        for path in filter(None, (*self.outputs.values(), self.journal_path)):
            if os.path.join(os.path.realpath(path.parent), path.name) in inputs:
                raise OutputError("output_is_input", path=path)
        for path in filter(None, self.outputs.values()):
            check_writable(path)

    def add(self, update: Update, transcript: Transcript) -> None:
        """Print the new turns, if text goes to standard output. transcript: one that names the recording."""
        if self._is_streamed:
            self._print(transcript, update.turns)

    def finish(self, transcript: Transcript) -> None:
        """Print what is not printed yet, or write the files."""
        self.summary = _summary(transcript)
        if self._is_streamed:
            self._print(transcript, transcript.turns[self._printed :])
            return
        if TIMED_FORMATS & set(self.outputs) and is_estimated(transcript.turns):
            self._report.say(estimates_note(self._direction), "note", self.recording.shown)
        for suffix, path in self.outputs.items():
            if path is None:
                print_output(self._printable(transcript, suffix))
                continue
            text = WRITERS[suffix](transcript, self._layout)
            write_output(path, text)
            self.written[suffix] = text
            self._report.say(f"written: {path}")

    def _printable(self, transcript: Transcript, suffix: str) -> str:
        """The whole output; of several recordings as JSON one line, which also has the path as it was typed."""
        if suffix != "json" or self._is_alone:
            return WRITERS[suffix](transcript, self._layout)
        record = {"path": displayed(self.recording.shown), **transcript.to_dict()}
        return json.dumps(record, ensure_ascii=False) + "\n"

    def _print(self, transcript: Transcript, turns: Sequence[Turn]) -> None:
        if self._has_header:
            print_output(f"==> {displayed(self.recording.shown)} <==\n")  # as head and tail mark their files
            self._has_header = False
        print_output(WRITERS["txt"](replace(transcript, turns=tuple(turns))))
        self._printed += len(turns)


def _summary(transcript: Transcript) -> dict[str, float | None]:
    """The length, and the share of words (of characters, in languages without spaces) that the model was sure of."""
    confidence = round(1 - unsure_share(transcript.turns, transcript.language), 4) if transcript.turns else None
    return {"audio_seconds": round(transcript.duration_seconds, 3), "confidence": confidence}
