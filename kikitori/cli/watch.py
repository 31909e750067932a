"""Watch a folder: transcribe each recording once it has stopped growing, and print a line of JSON for each.

    events of the file system -> files that may still grow -> recordings, one at a time -> output, ledger, line

The ledger, a hidden file in the output folder, holds what `--resume` needs of each finished recording. So a restart
neither repeats nor misses one.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from kikitori.cli.attempt import attempt, is_ready, request_of
from kikitori.cli.delivery import Delivery
from kikitori.cli.inputs import SUFFIXES, Recording, input_paths
from kikitori.cli.interrupts import sigterm_interrupts
from kikitori.cli.models import Run, load_run
from kikitori.cli.options import parse_options
from kikitori.cli.parser import Parser
from kikitori.cli.report import TextReport
from kikitori.cli.resume import is_up_to_date, size_and_time
from kikitori.cli.run import EXIT_CLOSED, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from kikitori.engines.journal import Journal
from kikitori.errors import OutputError, SpeechError
from kikitori.output.files import print_output
from kikitori.output.jsonl import append_records, read_records
from kikitori.strings import displayed

LEDGER = ".kikitori-watch.jsonl"
SETTLE_SECONDS = 5.0
"""How long a file must stay as it is before it is read."""
POLL_SECONDS = 0.5


def main(argv: list[str]) -> int:
    """Watch until Ctrl-C or SIGTERM, which is how it is meant to end. Returns an exit code."""
    options = _parse(argv)
    report = TextReport()
    try:
        with sigterm_interrupts():
            run = load_run(options, report)
            with _events(options.folder, options.recursive) as events:
                report.say(f"watching {options.folder}")
                with suppress(KeyboardInterrupt):
                    _Watch(run, events).work()
        return EXIT_DONE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return EXIT_CLOSED
    except SpeechError as error:
        report.say(str(error), "error")
        return EXIT_FAILED


def _parse(argv: list[str]) -> argparse.Namespace:
    """The options of one command with --resume for the two folders, and how long a file must stay as it is."""
    parser = Parser(
        prog="kikitori watch",
        description="Transcribe the recordings that arrive in a folder; print a line of JSON for each.",
        epilog="All other options are those of `kikitori` with --output_dir.",
    )
    parser.add_argument("folder", type=Path, help="where recordings arrive; nothing in it is changed")
    parser.add_argument("output", type=Path, help="where the output goes: <name with its suffix>.<format>")
    parser.add_argument(
        "--settle",
        type=float,
        default=SETTLE_SECONDS,
        help="seconds for which a file must not change before it is read (default: %(default)g)",
    )
    own, rest = parser.parse_known_args(argv)
    if not find_spec("watchdog"):
        parser.error("watching needs the library watchdog: pip install 'kikitori[watch]', or pip install watchdog")
    if not own.folder.is_dir():
        parser.error(f"{own.folder} is not a folder: create it, or check the path")
    if not own.settle >= 0:
        parser.error(f"--settle is {own.settle:g}: give 0 or more seconds")
    options = parse_options([str(own.folder), "--output_dir", str(own.output), "--resume", *rest], parser)
    options.folder, options.settle = own.folder, own.settle
    return options


@contextmanager
def _events(folder: Path, recursive: bool) -> Iterator[queue.SimpleQueue[Path]]:
    """Give a queue of the paths that change in a folder, after those that are in it."""
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    changed: queue.SimpleQueue[Path] = queue.SimpleQueue()

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            for path in filter(None, (event.src_path, event.dest_path)):
                changed.put(Path(os.fsdecode(path)))

    observer = Observer()
    observer.schedule(Handler(), str(folder), recursive=recursive)
    observer.start()
    try:
        for path in sorted(folder.rglob("*") if recursive else folder.iterdir()):
            changed.put(path)
        yield changed
    finally:
        observer.stop()
        observer.join()


class _Watch:
    """Takes recordings as they arrive, one at a time."""

    def __init__(self, run: Run, events: queue.SimpleQueue[Path]):
        self._run = run
        self._events = events
        self._folder, self._settle = run.options.folder, run.options.settle
        self._growing: dict[Path, tuple[list[int] | None, float]] = {}  # size and time of change, and since when
        self._taken: dict[Path, list[int] | None] = {}
        self._ledger = _Ledger(run.options.output_dir / LEDGER)

    def work(self) -> NoReturn:
        """Work until an exception ends it. Raises OutputError if the ledger can't be written."""
        while True:
            self._note_changes()
            for path, state in list(self._settled()):
                if self._taken.get(path) != state:  # reading a file is an event too
                    self._taken[path] = state
                    self._take(path)

    def _note_changes(self) -> None:
        """Wait for a moment, then note all files that have changed."""
        with suppress(queue.Empty):
            self._note(self._events.get(timeout=POLL_SECONDS))
            while True:
                self._note(self._events.get_nowait())

    def _note(self, path: Path) -> None:
        place = path.relative_to(self._folder)
        is_hidden = any(part.startswith(".") for part in place.parts)
        if path.suffix.lower() in SUFFIXES and not is_hidden and path not in self._growing:
            self._growing[path] = (None, time.monotonic())

    def _settled(self) -> Iterator[tuple[Path, list[int]]]:
        """Yield the files that have not changed for a while, with their size and time of change."""
        now = time.monotonic()
        for path, (before, since) in sorted(self._growing.items()):
            state = size_and_time(path)
            if state is None or not path.is_file():
                del self._growing[path]
            elif state != before or state[0] == 0:  # an empty file will be written to
                self._growing[path] = (state, now)
            elif now - since >= self._settle:
                del self._growing[path]
                yield path, state

    def _take(self, path: Path) -> None:
        """Transcribe a recording, unless that was done before, and print its line."""
        report = _FileReport()
        run = replace(self._run, report=report)
        recording = Recording(str(path), path, self._folder, path.relative_to(self._folder))
        delivery = Delivery(run.options, recording, False, report)
        request = request_of(run, recording)
        if self._ledger.has(recording.output, run.job, request, delivery):
            return
        state = "failed"
        if is_ready(run.options, delivery, input_paths(run.options, [recording]), report):
            state = attempt(run, delivery, [])
        if state != "failed":
            self._ledger.add(recording.output, run.job, delivery.journal_path)
        outputs = [displayed(str(output)) for output in delivery.outputs.values()] if state != "failed" else []
        line = {"recording": displayed(str(path)), "state": state, "outputs": outputs, "messages": report.messages}
        print_output(json.dumps(line, ensure_ascii=False) + "\n")


class _Ledger:
    """The finished recordings, by their place in the watched folder."""

    def __init__(self, path: Path):
        self._path = path
        try:
            self._records = {record["recording"]: record for record in read_records(path)}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError("output_unwritable", path=path, why=error) from error

    def has(self, place: Path, job: dict, request: dict, delivery: Delivery) -> bool:
        """Whether a recording's output is written and up to date."""
        record = self._records.get(os.fsencode(place).hex())
        if record is None or record["job"] != job:
            return False
        return is_up_to_date(record["written"], request, delivery.recording.path, delivery.outputs)

    def add(self, place: Path, job: dict, journal_path: Path) -> None:
        """Move the record of a finished recording from its journal to the ledger. Raises OutputError."""
        journal = Journal(journal_path, job, resume=True)
        record = {"recording": os.fsencode(place).hex(), "job": job, "written": journal.written}
        try:
            append_records(self._path, [record])
        except OSError as error:
            raise OutputError.from_os_error(self._path, error) from error
        self._records[record["recording"]] = record
        journal.remove()


class _FileReport(TextReport):
    """Keeps the warnings and errors of one recording for its line."""

    def __init__(self):
        self.messages: list[str] = []

    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Keep a message that the reader of the line has to know."""
        if level in ("warning", "error"):
            self.messages.append(message)

    def progress(self, recording: Recording) -> AbstractContextManager[Callable[[float], None]]:
        """Show nothing."""
        return nullcontext(lambda seconds: None)
