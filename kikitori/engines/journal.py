"""Windows that are done, kept in a file while a job runs, so that a job that was killed can go on.

The file's first record says who decodes, every other one what came of a window, or that the output is written
(kikitori/cli/resume.py). A window is known by its sound: however the recording is cut when the job goes on, a text is
taken for the very samples that it was written for, or not at all. So a journal may be out of date, but never wrong. Not
covered: words' times, which are measured again, and two jobs that write one journal at the same time.
"""

from __future__ import annotations

import hashlib
import os
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from kikitori.errors import OutputError
from kikitori.output.jsonl import append_records, read_records
from kikitori.pipeline import Decode
from kikitori.result import DecodingResult

MAX_NAME_BYTES = 255
"""Of a file on the file systems in use."""


class Journal:
    """What the windows of one recording became.

    path: the file; made when the first window is done, in a folder that is there. job: what a window's text depends on
    beside its sound, ready for JSON; a journal of another job, or a damaged one, is replaced. resume: take the texts
    that the journal holds already. Raises OutputError where the file can't be read.
    """

    def __init__(self, path: Path, job: dict, resume: bool):
        self.path = path
        self._job = job
        read = _read(path, job)
        self._begun = read is not None
        self._texts, self.written = read if read and resume else ({}, None)
        self.resumed = len(self._texts)
        """How many windows' texts it began with. `written`: the last note that the output is, or None."""

    def keep(self, decode: Decode) -> Decode:
        """A function that decodes as `decode` does, asks it for what is not in the journal, and keeps what it says.

        The function raises OutputError where the journal can't be written.
        """

        def decode_new(waveforms: list[np.ndarray]) -> Iterator[list[DecodingResult]]:
            digests = [hashlib.sha256(waveform.tobytes()).hexdigest() for waveform in waveforms]
            new = {digest: sound for digest, sound in zip(digests, waveforms, strict=True) if digest not in self._texts}
            if new:
                for written in decode(list(new.values())):
                    texts = ChainMap(dict(zip(new, written, strict=True)), self._texts)
                    yield [texts[digest] for digest in digests]
                self._add(texts.maps[0])
            else:
                yield [self._texts[digest] for digest in digests]

        return decode_new

    def note_written(self, note: dict) -> None:
        """Keep that the output is written. note: ready for JSON. Raises OutputError."""
        self._append([{"written": note}])

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def _add(self, texts: dict[str, DecodingResult]) -> None:
        self._texts |= texts
        self._append([{"window": digest, **asdict(decoded)} for digest, decoded in texts.items()])

    def _append(self, records: list[dict]) -> None:
        try:
            if not self._begun:
                self.remove()
                records = [self._job, *records]
            append_records(self.path, records)
        except OSError as error:
            raise OutputError.from_os_error(self.path, error) from error
        self._begun = True


def journal_path(folder: Path, stem: str, direction: str) -> Path:
    """Where a recording's journal is: `<stem>.<direction>.journal`, with a digest for a stem too long for that."""
    name = f"{stem}.{direction}.journal"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = f"{hashlib.sha256(os.fsencode(stem)).hexdigest()}.{direction}.journal"
    return folder / name


def _read(path: Path, job: dict) -> tuple[dict[str, DecodingResult], dict | None] | None:
    """The texts in a journal by the digests of their windows, and its last note; None where none is of this job."""
    try:
        first, *records = read_records(path)
        if first != job:
            return None
        notes = [record["written"] for record in records if "window" not in record]
        texts = {record.pop("window"): _decoded(record) for record in records if "window" in record}
        return texts, notes[-1] if notes else None
    except (ValueError, KeyError, TypeError, AttributeError):  # empty, damaged, or of another version
        return None
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error


def _decoded(record: dict) -> DecodingResult:
    sequences = {name: tuple(record[name]) for name in ("ids", "log_probabilities")}
    return DecodingResult(**record | sequences | {"low_confidence": tuple(map(tuple, record["low_confidence"]))})
