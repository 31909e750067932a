"""A file of records, one line of JSON each, that outlives the process that was writing it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO


def append_records(path: Path, records: Iterable[dict]) -> None:
    """Add lines, and first cut off the half of one that a killed process may have left. Raises OSError."""
    with path.open("ab+") as lines:
        lines.truncate(_end_of_last_line(lines))
        lines.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode())
        lines.flush()
        os.fsync(lines.fileno())


def read_records(path: Path) -> Iterator[dict]:
    """The whole lines of a file; none where there is no file. Raises OSError, and ValueError for a damaged line."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return  # a killed process had begun it
            try:
                yield json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path} is damaged in line {number}") from error


def _end_of_last_line(lines: BinaryIO) -> int:
    end = lines.seek(0, os.SEEK_END)
    while end:
        lines.seek(end - 1)
        if lines.read(1) == b"\n":
            break
        end -= 1
    return end
