"""The records of a test set: its recordings, their reference texts, and its source."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import ToolError


class DataError(ToolError):
    """A test set, a manifest or a folder of results that can't be used."""


@dataclass(frozen=True)
class Segment:
    """Consecutive words of one speaker.

    speaker: None if the data name no speaker. text: None if the data have speakers but no words.
    """

    speaker: str | None
    text: str | None


@dataclass(frozen=True)
class Utterance:
    """A recording and its reference.

    name: unique in the test set. audio: a path, or the file's content. reference: segments in the order of speech.
    language: English name of the spoken language; empty if the data don't tell it. context: names and terms that may
    occur, as the data give them; usually empty.
    """

    name: str
    audio: Path | bytes
    reference: tuple[Segment, ...]
    language: str = ""
    context: str = ""

    @contextmanager
    def open_file(self) -> Iterator[Path]:
        """Context manager that yields a path to the audio: a temporary file if the audio is in memory."""
        if isinstance(self.audio, Path):
            yield self.audio
            return
        with tempfile.NamedTemporaryFile(suffix=Path(self.name).suffix) as file:
            file.write(self.audio)
            file.flush()
            yield Path(file.name)


@dataclass(frozen=True)
class Source:
    """Where a test set is read from.

    location: the value of `--data`. config (parquet only): the folder with the audio. reference_config (parquet only):
    the folder with the reference texts, matched by `id`; None if they are in the rows of the audio. text_column: None
    for `translation` if the task translates, else for the first of `parquet.TEXT_COLUMNS` that is present.
    """

    location: str
    split: str = "test"
    config: str | None = None
    reference_config: str | None = None
    text_column: str | None = None
