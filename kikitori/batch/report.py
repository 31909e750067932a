"""The report of a job: a file with one row per recording, and the lines that are printed meanwhile.

While the job runs, each row is appended when its recording ends. So a job that was killed still knows what it has
finished. At the end the file is written again, in the order of the list.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from kikitori.batch.items import Item, Shard
from kikitori.batch.worker import FINISHED, Outcome, Row
from kikitori.cli.attempt import HARMLESS
from kikitori.cli.report import Report
from kikitori.errors import OutputError
from kikitori.output.files import write_output
from kikitori.output.jsonl import append_records, read_records
from kikitori.strings import displayed, format_duration

NAME = "report.jsonl"


class ReportFile:
    """The file in the output folder; a shard has one of its own.

    earlier: rows of earlier runs by path, also those of jobs that were split in another way.
    """

    def __init__(self, folder: Path, shard: Shard):
        name = NAME if shard.count == 1 else f"report-{shard.number}-of-{shard.count}.jsonl"
        self.path = folder / name
        self.earlier: dict[str, Row] = {}
        self._rows: dict[str, Row] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            others = sorted(set(folder.glob("report*.jsonl")) - {self.path})
        except OSError as error:
            raise OutputError.from_os_error(folder, error) from error
        for path in (*others, self.path):
            self.earlier |= _finished_rows(path)

    def add(self, outcome: Outcome) -> None:
        """Keep a row. Raises OutputError."""
        self._rows[outcome.place] = outcome.row
        if not outcome.is_new:
            return
        try:
            append_records(self.path, [outcome.row])
        except OSError as error:
            raise OutputError.from_os_error(self.path, error) from error

    def finish(self, items: Iterable[Item]) -> Counter[str]:
        """Write the rows in the order of the items. Returns how many have each status. Raises OutputError."""
        rows = [self._rows[item.place] for item in items]
        write_output(self.path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        return Counter(row["status"] for row in rows)


def _finished_rows(path: Path) -> dict[str, Row]:
    try:
        return {row["path"]: row for row in read_records(path) if row.get("status") in FINISHED}
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutputError("output_unwritable", path=path, why=f"it is not a report: {error}") from error


class Progress:
    """Says how each recording ended, how fast the job is, and how long it will take."""

    def __init__(self, report: Report, items: Sequence[Item]):
        self._report = report
        self._items = {item.place: item for item in items}
        self._count = len(items)
        self._begun = time.monotonic()
        self._done_seconds = 0.0
        self._seconds_left = sum(item.seconds for item in items)

    def tell(self, outcome: Outcome) -> None:
        """Say how one recording ended."""
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

    def _speed(self) -> str:
        """How fast the job is, and how long the rest takes; empty before anything is done."""
        elapsed = time.monotonic() - self._begun
        if not self._done_seconds or not elapsed:
            return ""
        rate = self._done_seconds / elapsed
        left = max(0.0, self._seconds_left / rate)
        return f"{rate:.1f} hours of audio per hour, {format_duration(left)} left"
