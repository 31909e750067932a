"""Recordings whose output is written, noted while their call goes on, so that after a kill it leaves them out.

A note says what was asked for, of which sound, and what the files hold. It is believed only where all of that is so
still: outputs of another job, of a sound that has changed, or that were changed themselves, are written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

SOUND = "sound"
"""Among the suffixes of the files, what the recording itself holds."""


def stamp(audio: Path) -> list[int] | None:
    """A recording's bytes and time of change, a part of what is asked for; None where there is no such file.

    Taken before the recording is read, it tells one that is replaced in the meantime.
    """
    try:
        stat = audio.stat()
    except (OSError, ValueError):  # whoever reads it says why
        return None
    return [stat.st_size, stat.st_mtime_ns]


def make_note(
    asked: Mapping, audio: Path, texts: Mapping[str, str], warnings: Iterable[Sequence[str]]
) -> dict[str, object]:
    """The note of a recording that is written, ready for JSON.

    asked: all that decides what is written of a sound, ready for JSON. texts: what was written, by suffix. warnings:
    kinds and messages, to be told again.
    """
    digests = {suffix: hashlib.sha256(text.encode()).hexdigest() for suffix, text in texts.items()}
    return {"asked": asked, "digests": digests | {SOUND: _digest(audio)}, "warnings": [list(one) for one in warnings]}


def is_written(note: Mapping, asked: Mapping, audio: Path, outputs: Mapping[str, Path]) -> bool:
    """Whether a note is of the same sound and wish, and all of the outputs, by suffix, are what it says."""
    if note.get("asked") != asked:
        return False
    found = {suffix: _digest(path) for suffix, path in {**outputs, SOUND: audio}.items()}
    return all(digest is not None and digest == note["digests"].get(suffix) for suffix, digest in found.items())


def _digest(path: Path) -> str | None:
    """SHA-256 of what a file holds; None where there is no file that can be read."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():  # a pipe would keep its reader waiting
            return None
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()
