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
from kikitori.batch.remote import exists, fetch, join_url, send
from kikitori.batch.remote_journal import copied_journal
from kikitori.cli.attempt import Warnings, check_beginning, file_identity, state_of, transcribe_recording
from kikitori.cli.delivery import Delivery, formats_of
from kikitori.cli.inputs import Recording, sentence
from kikitori.cli.models import Run, identity_of, load_run
from kikitori.cli.report import Advance, Report
from kikitori.cli.resume import digest_of_file, digest_of_text
from kikitori.errors import AudioError, CheckpointError, SpeechError, WindowRefusedError
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
    """Does the recordings of one command. Its models are loaded when a recording needs them.

    options: those of the shell, with a folder or a URL for the output. loads_now: load the models at once. Raises
    CheckpointError.
    """

    def __init__(self, options: argparse.Namespace, report: Report, loads_now: bool = False):
        self._options, self._report = options, report
        self._identity = identity_of(options)
        self._run: Run | None = None
        self._is_loading = False
        if loads_now:
            self._load()

    def _load(self) -> Run:
        if self._run is None:
            self._is_loading = True
            self._run = replace(load_run(self._options, self._report), report=Silence(), has_parts=False)
            self._is_loading = False
        return self._run

    def do(self, item: Item, earlier: Row | None) -> Outcome:
        """Transcribe an item, unless its earlier row says that its output is up to date.

        A recording that can't be transcribed becomes a row with its error. Raises CheckpointError, after which no other
        item would fare better.
        """
        key = self._key(item)
        if earlier is not None and self._is_up_to_date(earlier, key, item):
            return Outcome(item.place, earlier, False)
        warnings: Warnings = []
        found: Row = {}
        error = self._attempt(item, warnings, found)
        row = make_row(item, "failed" if error else state_of(warnings), error) | found
        row["warnings"] = [{"kind": kind, "message": message} for kind, message in warnings]
        if not error:
            row["key"] = key
            if earlier is not None and earlier.get("key") == key:  # formats that this run was not asked for
                row["outputs"] = {**(earlier.get("outputs") or {}), **row["outputs"]}
        return Outcome(item.place, row, True)

    def _attempt(self, item: Item, warnings: Warnings, found: Row) -> dict[str, str] | None:
        """Transcribe and deliver; return what went wrong. Warnings are added to the list, and results to the row."""
        try:
            with local_delivery(self._options, item, Silence()) as delivery:
                check_beginning(self._options, delivery, {os.path.realpath(delivery.recording.path)})
                run = self._load()
                begun = time.monotonic()
                try:
                    transcribe_recording(run, delivery, [], warnings)
                finally:
                    found |= delivery.summary | {"work_seconds": round(time.monotonic() - begun, 3)}
                found["outputs"] = {suffix: digest_of_file(path) for suffix, path in delivery.outputs.items()}
        except SpeechError as error:
            if isinstance(error, CheckpointError) and not isinstance(error, WindowRefusedError):
                raise
            found.pop("outputs", None)
            return {"code": error.code, "message": sentence(error, item.shown)}
        except Exception as error:
            if self._is_loading:
                raise
            # Whatever it is, the other recordings do not depend on it.
            traceback.print_exc()
            found.pop("outputs", None)
            return {"code": "unexpected", "message": displayed(f"{item.shown}: {type(error).__name__}: {error}")}
        return None

    def _is_up_to_date(self, row: Row, key: str, item: Item) -> bool:
        """Whether the row's outputs are there. One that somebody has corrected since counts too, so that it stays."""
        formats = formats_of(self._options)
        if (
            row.get("status") not in FINISHED
            or row.get("key") != key
            or not set(formats) <= set(row.get("outputs") or ())
        ):
            return False
        folder, found = self._options.output_dir, os.path.isfile
        if self._options.output_url:
            folder, found = self._options.output_url, exists
        try:
            return all(found(output_place(folder, item, f".{suffix}")) for suffix in formats)
        except AudioError:  # as if they were gone: the attempt says what is wrong
            return False

    def _key(self, item: Item) -> str:
        """A hash of all that decides an item's output. The file counts by size and by time of change or version."""
        file = file_identity(item.recording)
        if item.remote:
            file["size_and_time"] = [item.remote.size, item.remote.version]
        decisive = [self._identity, file, os.fsencode(item.place).hex()]
        return digest_of_text(json.dumps(decisive))


@contextmanager
def local_delivery(options: argparse.Namespace, item: Item, report: Report) -> Iterator[Delivery]:
    """Give the delivery of an item, all of whose files are local.

    A recording behind a URL is a temporary copy. Outputs for a URL are temporary too. They are sent in the end, also if
    the recording breaks off, and their journal meanwhile. Raises AudioError, OutputError and BatchError.
    """
    if not item.remote and not options.output_url:
        yield Delivery(options, item.recording, False, report)
        return
    with tempfile.TemporaryDirectory(prefix="kikitori-") as folder:
        recording = item.recording
        if item.remote:
            recording = replace(recording, path=Path(folder, "in", item.remote.name))
            fetch(item.remote.url, recording.path)
        if not options.output_url:
            yield Delivery(options, recording, False, report)
            return
        out = Path(folder, "out")
        delivery = Delivery(argparse.Namespace(**vars(options) | {"output_dir": out}), recording, False, report)
        journal = delivery.journal_path
        with copied_journal(journal, join_url(options.output_url, journal.relative_to(out).as_posix())):
            try:
                yield delivery
            finally:
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
