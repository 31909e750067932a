"""Where each recording's output goes, so that no recording overwrites the output of another one."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def output_names(recordings: Sequence[tuple[Path, Path | None]]) -> list[Path]:
    """Return the path of each recording's output below the output folder, without the suffix of the format.

    recordings: (file, the folder in which it was found or None), all files different. A recording takes the first of
    these that no other one has: its name without the suffix, below its place in the folder; that below its place in
    the parent that all recordings share; its whole name there.
    """
    files = [Path(os.path.abspath(path)) for path, _ in recordings]
    shared = os.path.commonpath([file.parent for file in files]) if files else ""
    choices = [_choices(file, folder, shared) for file, (_, folder) in zip(files, recordings, strict=True)]
    levels = [0] * len(choices)
    while True:
        names = [options[level] for options, level in zip(choices, levels, strict=True)]
        counts = Counter(names)
        again = [number for number, name in enumerate(names) if counts[name] > 1 and levels[number] < 2]
        if not again:
            return names
        for number in again:
            levels[number] += 1


def _choices(file: Path, folder: Path | None, shared: str) -> tuple[Path, Path, Path]:
    short = file.relative_to(os.path.abspath(folder)) if folder else Path(file.name)
    long = file.relative_to(shared)
    return short.parent / _stem(short), long.parent / _stem(long), long


def _stem(file: Path) -> str:
    """The name without its suffix; the whole name if only dots would be left, which name a folder."""
    return file.stem if file.stem.strip(".") else file.name
