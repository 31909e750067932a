"""What one worker does: it loads its checkpoint once, and makes a row of the report from each recording."""

from __future__ import annotations

import argparse
import json
import os
import time
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import NamedTuple

from kikitori.batch.items import Item
from kikitori.cli.attempt import Warnings, check_beginning, request_of, state_of, transcribe_recording
from kikitori.cli.delivery import Delivery
from kikitori.cli.inputs import Recording, sentence
from kikitori.cli.models import Run, load_run
from kikitori.cli.report import Advance, Report
from kikitori.cli.resume import digest_of_file, digest_of_text
from kikitori.errors import CheckpointError, SpeechError
from kikitori.strings import displayed

FINISHED = ("done", "incomplete")
"""The status of recordings that another run leaves as they are."""

Row = dict[str, object]
"""One line of the report, ready for JSON."""


class Outcome(NamedTuple):
    """The row of one item. is_new: whether it was worked on; otherwise an earlier run had finished it."""

    place: str
    row: Row
    is_new: bool


class Worker:
    """Has the models of one command. options: those of the shell, with a folder for the output."""

    def __init__(self, options: argparse.Namespace, report: Report):
        self._run = replace(load_run(options, report), report=Silence())

    def do(self, item: Item, earlier: Row | None) -> Outcome:
        """Transcribe an item, unless its earlier row says that its output is up to date.

        A recording that can't be transcribed becomes a row with its error. Raises CheckpointError, after which no other
        item would fare better.
        """
        delivery = Delivery(self._run.options, item.recording, False, self._run.report)
        key = _key(self._run, item)
        if earlier is not None and _is_up_to_date(earlier, key, delivery):
            return Outcome(item.place, earlier, False)
        begun = time.monotonic()
        warnings: Warnings = []
        error = self._attempt(delivery, warnings)
        row = make_row(item, "failed" if error else state_of(warnings), error)
        row |= delivery.summary
        row["work_seconds"] = round(time.monotonic() - begun, 3)
        row["warnings"] = [{"kind": kind, "message": message} for kind, message in warnings]
        if not error:
            row["outputs"] = {suffix: digest_of_file(path) for suffix, path in delivery.outputs.items()}
            row["key"] = key
        return Outcome(item.place, row, True)

    def _attempt(self, delivery: Delivery, warnings: Warnings) -> dict[str, str] | None:
        """Transcribe and deliver; return what went wrong. Warnings are added to the list."""
        recording = delivery.recording
        try:
            check_beginning(self._run.options, delivery, {os.path.realpath(recording.path)})
            transcribe_recording(self._run, delivery, [], warnings)
        except CheckpointError:
            raise
        except SpeechError as error:
            return {"code": error.code, "message": sentence(error, recording.shown)}
        except Exception as error:  # whatever it is, the other recordings do not depend on it
            traceback.print_exc()
            return {"code": "unexpected", "message": displayed(f"{recording.shown}: {type(error).__name__}: {error}")}
        return None


def make_row(item: Item, status: str, error: dict[str, str] | None) -> Row:
    """Return a row without results."""
    return {
        "path": displayed(item.place),
        "status": status,
        "audio_seconds": None,
        "work_seconds": None,
        "confidence": None,
        "warnings": [],
        "error": error,
        "outputs": {},
        "key": None,
    }


def _key(run: Run, item: Item) -> str:
    """A hash of all that decides an item's output. The file counts by its size and time of change."""
    decisive = [run.job, request_of(run, item.recording), os.fsencode(item.place).hex()]
    return digest_of_text(json.dumps(decisive))


def _is_up_to_date(row: Row, key: str, delivery: Delivery) -> bool:
    if row.get("status") not in FINISHED or row.get("key") != key:
        return False
    return row.get("outputs") == {suffix: digest_of_file(path) for suffix, path in delivery.outputs.items()}


class Silence:
    """A report of nothing: the row has it all."""

    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Say nothing."""

    def start(self, recording: Recording, number: int, count: int) -> None:
        """Say nothing."""

    def progress(self, recording: Recording) -> AbstractContextManager[Advance]:
        """Show nothing."""
        return nullcontext(lambda seconds: None)

    def end(self, recording: Recording, state: str) -> None:
        """Say nothing."""
