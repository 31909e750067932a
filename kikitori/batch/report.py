"""The report of a job: a file with one row per recording, and the lines that are printed meanwhile.

While the job runs, each row is appended when its recording ends. So a job that was killed still knows what it has
finished. At the end the file is written again, in the order of the list.

Object stores can't append. So behind a URL, rows are sent as parts, each a file of its own, until the report is whole.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kikitori.batch.items import Item, Shard
from kikitori.batch.remote import fetch, is_folder, join_url, list_folder, remove, send
from kikitori.batch.worker import FINISHED, Outcome, Row
from kikitori.cli.attempt import HARMLESS
from kikitori.cli.report import Report
from kikitori.errors import OutputError
from kikitori.output.files import write_output
from kikitori.output.jsonl import append_records, read_records
from kikitori.strings import displayed, format_duration

NAME = "report.jsonl"
_ANY_NAME = re.compile(r"report(-\d+-of-\d+)?(\.part-\d+)?\.jsonl")
"""Of the report of a job or a shard, or of a part of one."""
SECONDS_PER_PART = 60.0
"""How often rows are sent to a URL: so much of the work is done again if this machine is lost."""


class Rows:
    """Rows by path, kept as lines of JSON, which take a third of the memory: a job may have millions."""

    def __init__(self):
        self._lines: dict[str, bytes] = {}

    def __setitem__(self, path: str, row: Row) -> None:
        self._lines[path] = _line(row).encode()

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __contains__(self, path: str) -> bool:
        return path in self._lines

    def take(self, path: str) -> Row | None:
        """Return a row, which is then no longer kept; None if there is none."""
        line = self._lines.pop(path, None)
        return json.loads(line) if line else None

    def text(self, paths: Iterable[str]) -> str:
        """Return the lines of these rows."""
        return b"".join(self._lines[path] for path in paths).decode()


class ReportFile:
    """The file in the output folder; a shard has one of its own.

    earlier: rows of earlier runs by path, also those of jobs that were split in another way. They are taken out while
    their recordings are looked at, and those of recordings that this job does not have stay in the report. place: the
    file, as the user knows it. skipped: how many rows are of an earlier run.
    """

    def __init__(self, folder: Path, shard: Shard):
        self.path = folder / report_name(shard)
        self.place = str(self.path)
        self.earlier = Rows()
        self.skipped = 0
        self._shard = shard
        self._rows = Rows()
        self._counts: Counter[str] = Counter()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            others = sorted(path for path in folder.iterdir() if _ANY_NAME.fullmatch(path.name) and path != self.path)
        except OSError as error:
            raise OutputError.from_os_error(folder, error) from error
        for path in (*others, self.path):
            for row in _finished_rows(path):
                self.earlier[row["path"]] = row

    def add(self, outcome: Outcome) -> None:
        """Keep a row. Raises OutputError."""
        self._rows[outcome.place] = outcome.row
        self._counts[outcome.row["status"]] += 1
        if not outcome.is_new:
            self.skipped += 1
            return
        try:
            append_records(self.path, [outcome.row])
        except OSError as error:
            raise OutputError.from_os_error(self.path, error) from error

    def finish(self, items: Iterable[Item]) -> Counter[str]:
        """Write the rows in the order of the items, and after them those of other recordings.

        Returns how many of the items have each status. Raises OutputError.
        """
        others = filter(self._shard.holds, self.earlier)
        write_output(self.path, self._rows.text(item.place for item in items) + self.earlier.text(others))
        return self._counts


class RemoteReportFile(ReportFile):
    """The same file, written in a local folder and sent to the output's URL."""

    def __init__(self, url: str, shard: Shard, folder: Path):
        reports = [place for place, _ in list_folder(url, False)] if is_folder(url) else []
        for place in reports:
            if _ANY_NAME.fullmatch(place):
                fetch(join_url(url, place), folder / place)
        super().__init__(folder, shard)
        self.place = join_url(url, self.path.name)
        self._url = url
        self._parts = [place for place in reports if place.startswith(f"{self.path.stem}.part-")]
        self._unsent: list[Row] = []
        self._send_part()  # without rows: an output that can't be written is known before the work

    def add(self, outcome: Outcome) -> None:
        """Keep a row, and send those that wait if it is time. Raises OutputError."""
        super().add(outcome)
        if outcome.is_new:
            self._unsent.append(outcome.row)
        if time.monotonic() >= self._next_part:
            self._send_part()

    def close(self) -> None:
        """Send the rows that were not sent yet. Raises OutputError."""
        if self._unsent:
            self._send_part()

    def _send_part(self) -> None:
        self._next_part = time.monotonic() + SECONDS_PER_PART
        place = f"{self.path.stem}.part-{time.time_ns()}.jsonl"
        part = self.path.with_name(place)
        write_output(part, "".join(map(_line, self._unsent)))
        send(part, join_url(self._url, place))
        self._parts.append(place)
        self._unsent = []

    def finish(self, items: Iterable[Item]) -> Counter[str]:
        """Send the whole report, and delete its parts. Raises OutputError."""
        counts = super().finish(items)
        send(self.path, self.place)
        self._unsent = []
        for place in self._parts:
            remove(join_url(self._url, place))
        return counts


@contextmanager
def open_report(options: argparse.Namespace) -> Iterator[ReportFile]:
    """Give the report of the options' shard. In the end, rows that were not sent yet are sent. Raises OutputError."""
    if not options.output_url:
        yield ReportFile(options.output_dir, options.shard)
        return
    with tempfile.TemporaryDirectory(prefix="kikitori-") as folder:
        file = RemoteReportFile(options.output_url, options.shard, Path(folder))
        try:
            yield file
        finally:
            file.close()


def report_name(shard: Shard) -> str:
    """The name of a shard's report."""
    return NAME if shard.count == 1 else f"report-{shard.number}-of-{shard.count}.jsonl"


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _finished_rows(path: Path) -> Iterator[Row]:
    try:
        yield from (row for row in read_records(path) if row["status"] in FINISHED and row["path"])
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        why = "it is there, and it is not a report of a batch"
        raise OutputError("output_unwritable", path=path, why=why) from error


class Progress:
    """Says how each recording ended, how fast the job is, and how long it will take."""

    def __init__(self, report: Report, items: Sequence[Item]):
        self._report = report
        self._items = {item.place: item for item in items}
        self._count = len(items)
        self._begun = time.monotonic()
        self._done_seconds = 0.0
        self._seconds_left = sum(item.seconds for item in items)

    def tell(self, outcome: Outcome) -> Item:
        """Say how one recording ended, and return its item."""
        item, row = self._items.pop(outcome.place), outcome.row
        self._seconds_left -= item.seconds
        if outcome.is_new:
            self._done_seconds += row["audio_seconds"] or 0
            for warning in row["warnings"]:
                level = "note" if warning["kind"] in HARMLESS else "warning"
                self._report.say(warning["message"], level, item.place)
        if row["error"]:
            self._report.say(row["error"]["message"], "error")
        state = row["status"] if outcome.is_new else "skipped"
        number = self._count - len(self._items)
        line = f"{number} of {self._count}: {displayed(item.place)}: {state}"
        self._report.say(f"{line}; {speed}" if (speed := self._speed()) else line)
        self._report.end(item.recording, state)
        return item

    def _speed(self) -> str:
        """How fast the job is, and how long the rest takes; empty before anything is done."""
        elapsed = time.monotonic() - self._begun
        if not self._done_seconds or not elapsed:
            return ""
        rate = self._done_seconds / elapsed
        left = max(0.0, self._seconds_left / rate)
        return f"{rate:.1f} hours of audio per hour, {format_duration(left)} left"
