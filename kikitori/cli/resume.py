"""Which recordings `--resume` may skip: those whose output is written and still up to date.

While a command runs, it keeps a record of each recording that it has finished in that recording's journal. The record
holds what was requested and hashes of the recording and of its output files. A recording is skipped only if the first
two are unchanged and the outputs are there; otherwise its output is written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from kikitori.output.jsonl import read_records

RECORDING = "recording"
"""The key of the recording's own hash among those of its output files, whose keys are formats."""


def size_and_time(audio: Path) -> list[int] | None:
    """Return a recording's size in bytes and time of change in ns; None if there is no such file.

    Taken before the recording is read, it shows whether the file was replaced while it was transcribed.
    """
    try:
        stat = audio.stat()
    except (OSError, ValueError):  # reported by the function that reads the recording
        return None
    return [stat.st_size, stat.st_mtime_ns]


def make_record(
    request: Mapping, audio: Path, texts: Mapping[str, str], warnings: Iterable[Sequence[str]], summary: Mapping
) -> dict[str, object]:
    """Return the record of a finished recording, ready for JSON.

    request: all that decides the output apart from the sound, ready for JSON. texts: format -> text that was written.
    warnings: kinds and messages, which are printed again when the recording is skipped. summary: that of its Delivery.
    """
    digests = {suffix: digest_of_text(text) for suffix, text in texts.items()}
    digests[RECORDING] = digest_of_file(audio)
    said = [list(warning) for warning in warnings]
    return {"request": request, "digests": digests, "warnings": said, "summary": dict(summary)}


def is_up_to_date(record: Mapping, request: Mapping, audio: Path, outputs: Mapping[str, Path]) -> bool:
    """Whether the request and the recording are what the record says, and all its outputs (format -> path) are there.

    An output that somebody has corrected since counts too, so that it stays.
    """
    digests = record["digests"]
    if record.get("request") != request or digest_of_file(audio) != digests.get(RECORDING, ""):
        return False
    return all(suffix in digests and path.is_file() for suffix, path in outputs.items())


def has_finished(journal: Path) -> bool:
    """Whether the output next to a journal is complete: no journal exists, or it ends with the output's record."""
    try:
        records = list(read_records(journal))
    except (OSError, ValueError):
        return False
    return not records or "written" in records[-1]


def digest_of_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: Path) -> str | None:
    """Return the SHA-256 of a file's content; None if it can't be read."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():  # reading a named pipe would block
            return None
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
