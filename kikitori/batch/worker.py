"""What one worker does: it loads its checkpoint once, and makes a row of the report from each recording."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from kikitori.batch.items import Item, output_place
from kikitori.batch.remote import digest_of_url, fetch, send
from kikitori.cli.attempt import Warnings, check_beginning, request_of, state_of, transcribe_recording
from kikitori.cli.delivery import Delivery, formats_of
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
    """Has the models of one command. options: those of the shell, with a folder or a URL for the output."""

    def __init__(self, options: argparse.Namespace, report: Report):
        self._run = replace(load_run(options, report), report=Silence())

    def do(self, item: Item, earlier: Row | None) -> Outcome:
        """Transcribe an item, unless its earlier row says that its output is up to date.

        A recording that can't be transcribed becomes a row with its error. Raises CheckpointError, after which no other
        item would fare better.
        """
        key = _key(self._run, item)
        if earlier is not None and self._is_up_to_date(earlier, key, item):
            return Outcome(item.place, earlier, False)
        begun = time.monotonic()
        warnings: Warnings = []
        found: Row = {}
        error = self._attempt(item, warnings, found)
        row = make_row(item, "failed" if error else state_of(warnings), error) | found
        row["work_seconds"] = round(time.monotonic() - begun, 3)
        row["warnings"] = [{"kind": kind, "message": message} for kind, message in warnings]
        if not error:
            row["key"] = key
        return Outcome(item.place, row, True)

    def _attempt(self, item: Item, warnings: Warnings, found: Row) -> dict[str, str] | None:
        """Transcribe and deliver; return what went wrong. Warnings are added to the list, and results to the row."""
        try:
            with local_delivery(self._run.options, item, self._run.report) as delivery:
                try:
                    check_beginning(self._run.options, delivery, {os.path.realpath(delivery.recording.path)})
                    transcribe_recording(self._run, delivery, [], warnings)
                finally:
                    found |= delivery.summary
                found["outputs"] = {suffix: digest_of_file(path) for suffix, path in delivery.outputs.items()}
        except CheckpointError:
            raise
        except SpeechError as error:
            found.pop("outputs", None)
            return {"code": error.code, "message": sentence(error, item.place)}
        except Exception as error:  # whatever it is, the other recordings do not depend on it
            traceback.print_exc()
            found.pop("outputs", None)
            return {"code": "unexpected", "message": displayed(f"{item.place}: {type(error).__name__}: {error}")}
        return None

    def _is_up_to_date(self, row: Row, key: str, item: Item) -> bool:
        if row.get("status") not in FINISHED or row.get("key") != key:
            return False
        options = self._run.options
        if options.output_url:
            places = {suffix: output_place(options.output_url, item, f".{suffix}") for suffix in formats_of(options)}
            return row.get("outputs") == {suffix: digest_of_url(url) for suffix, url in places.items()}
        outputs = Delivery(options, item.recording, False, self._run.report).outputs
        return row.get("outputs") == {suffix: digest_of_file(path) for suffix, path in outputs.items()}


@contextmanager
def local_delivery(options: argparse.Namespace, item: Item, report: Report) -> Iterator[Delivery]:
    """Give the delivery of an item, all of whose files are local.

    A recording behind a URL is a temporary copy. Outputs for a URL are temporary too, with their journal, and they are
    sent in the end, also if the recording breaks off. Raises AudioError, OutputError and BatchError.
    """
    if not item.remote and not options.output_url:
        yield Delivery(options, item.recording, False, report)
        return
    with tempfile.TemporaryDirectory(prefix="kikitori-") as folder:
        recording = item.recording
        if item.remote:
            recording = replace(recording, path=Path(folder, "in", item.remote.name))
            fetch(item.remote.url, recording.path)
        if options.output_url:
            options = argparse.Namespace(**vars(options) | {"output_dir": Path(folder, "out")})
        delivery = Delivery(options, recording, False, report)
        try:
            yield delivery
        finally:
            if options.output_url:
                for suffix in delivery.written:
                    send(delivery.outputs[suffix], output_place(options.output_url, item, f".{suffix}"))


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
    """A hash of all that decides an item's output. The file counts by its size and its time of change or version."""
    request = request_of(run, item.recording)
    if item.remote:
        request["size_and_time"] = [item.remote.size, item.remote.version]
    decisive = [run.job, request, os.fsencode(item.place).hex()]
    return digest_of_text(json.dumps(decisive))


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
