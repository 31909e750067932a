"""Recordings in the formats of benchmarks.damage, and what is read of damaged ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from benchmarks.damage import FORMATS, Read, read


@cache
def data_of(name: str) -> bytes:
    """A recording in the format with this name."""
    return FORMATS[name]()


def read_data(folder: Path, data: bytes) -> Read:
    (folder / "file").write_bytes(data)
    return read(folder / "file")
