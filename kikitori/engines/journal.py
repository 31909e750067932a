"""Results kept in a file while a job runs, so that a job that was killed can be resumed.

The file holds one JSON record per line. The first describes the job: direction, weights, device. Each of the others is
the result of one window, or says that the output is written (kikitori/cli/resume.py). A window is identified by a hash
of its samples and of what the model was told, so a result is only ever reused for exactly the same request. Not
covered: word times, which are measured again, and two jobs that write the same journal at once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np

from kikitori.engines.engine import Engine, Prompt
from kikitori.errors import OutputError
from kikitori.output.jsonl import append_records, read_records
from kikitori.result import Alignment, DecodingResult
from kikitori.transcript import Turn

MAX_NAME_BYTES = 255
"""The longest file name on the file systems in use."""


class Journal:
    """The file of one job: results of windows by the hash of their sound, and which output was written.

    path: created with the first record; its folder must exist. job: everything but the sound that decides a window's
    text, JSON-serialisable; a journal of another job, or a damaged one, is replaced. resume: start with the results
    that the file holds. Raises OutputError if the file can't be read.
    """

    def __init__(self, path: Path, job: dict, resume: bool):
        self.path = path
        self._job = job
        found = _read(path, job)
        self._begun = found is not None
        self.results, self.written = found if found and resume else ({}, None)
        self.resumed = len(self.results)
        """How many results were loaded from the file. `written` is the last note of written output, or None."""

    def add(self, results: Mapping[str, DecodingResult]) -> None:
        """Keep results by the hashes of their windows. Raises OutputError."""
        self.results |= results
        self._append([{"window": digest, **asdict(result)} for digest, result in results.items()])

    def note_written(self, note: dict) -> None:
        """Record that the output has been written. note: JSON-serialisable. Raises OutputError."""
        self._append([{"written": note}])

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)

    def _append(self, records: list[dict]) -> None:
        try:
            if not self._begun:
                self.remove()
                records = [self._job, *records]
            append_records(self.path, records)
        except OSError as error:
            raise OutputError.from_os_error(self.path, error) from error
        self._begun = True


class KeptResults(Protocol):
    """Results of windows by `window_digest`, such as a Journal."""

    results: dict[str, DecodingResult]

    def add(self, results: Mapping[str, DecodingResult]) -> None:
        """Keep more. Raises OutputError if they can't be kept."""


class JournaledEngine:
    """An engine that decodes each window once and keeps the result."""

    def __init__(self, engine: Engine, journal: KeptResults):
        self.name = engine.name
        self.journal = journal
        self._engine = engine

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode what the journal does not hold. Raises OutputError if the journal can't be written."""
        known = self.journal.results
        digests = [window_digest(waveform, prompt, max_tokens) for waveform in waveforms]
        new = {digest: sound for digest, sound in zip(digests, waveforms, strict=True) if digest not in known}
        decoded: dict[str, DecodingResult] = {}
        if new:
            for results in self._engine.stream(list(new.values()), prompt, max_tokens):
                decoded = dict(zip(new, results, strict=True))
                merged = ChainMap(decoded, known)
                yield [merged[digest] for digest in digests]
            self.journal.add(decoded)
        else:
            yield [known[digest] for digest in digests]

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times with the engine; they are not kept."""
        return self._engine.align(waveform, turns, language)


def window_digest(waveform: np.ndarray, prompt: Prompt, max_tokens: int | None) -> str:
    """A hash of all that decides a window's text, apart from the weights and the device."""
    told = json.dumps([prompt.language, prompt.context, max_tokens]).encode()
    return hashlib.sha256(told + waveform.tobytes()).hexdigest()


def journal_path(folder: Path, stem: str, direction: str) -> Path:
    """The path of a recording's journal: `<stem>.<direction>.journal`; a hash replaces a stem that is too long."""
    name = f"{stem}.{direction}.journal"
    if len(os.fsencode(name)) > MAX_NAME_BYTES:
        name = f"{hashlib.sha256(os.fsencode(stem)).hexdigest()}.{direction}.journal"
    return folder / name


def _read(path: Path, job: dict) -> tuple[dict[str, DecodingResult], dict | None] | None:
    """The results in a journal by the hashes of their windows, and its last note; None if it is not of this job."""
    try:
        first, *records = read_records(path)
        if first != job:
            return None
        json.dumps(records, ensure_ascii=False).encode()  # refuses half characters, which cannot be written again
        notes = [record["written"] for record in records if "window" not in record]
        results = {record.pop("window"): _to_result(record) for record in records if "window" in record}
        return results, notes[-1] if notes else None
    except (ValueError, KeyError, TypeError, AttributeError):  # empty, damaged, or of another version
        return None
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error


def _to_result(record: dict) -> DecodingResult:
    sequences = {name: tuple(record[name]) for name in ("ids", "log_probabilities")}
    spans = tuple(map(tuple, record["low_confidence"]))
    return DecodingResult(**record | sequences | {"low_confidence": spans})
