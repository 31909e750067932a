"""Files of records, one line of JSON per record. They stay readable if a process that writes them is killed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO


def append_records(path: Path, records: Iterable[dict]) -> None:
    """Append records, after removing an incomplete last line that a killed process may have left. Raises OSError."""
    with path.open("ab+") as lines:
        lines.truncate(_end_of_last_line(lines))
        lines.write("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode())
        lines.flush()
        os.fsync(lines.fileno())


def read_records(path: Path) -> Iterator[dict]:
    """Read the records of a file, without an incomplete last line; none if the file does not exist.

    Raises OSError, and ValueError for a damaged line.
    """
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return  # incomplete: its process was killed
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
