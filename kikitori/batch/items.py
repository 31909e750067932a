"""From a list or a folder to the items of a job: each has an output of its own, and belongs to one shard."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kikitori.audio.files import known_seconds
from kikitori.cli.inputs import STDIN, Recording, read_list, search_folder
from kikitori.errors import AudioError, OutputError
from kikitori.strings import displayed

BYTES_PER_SECOND = 8000
"""A guess for files whose header gives no length: 64 kbit/s. It only decides the order and the time left."""
READERS = 16
"""How many headers are read at once: on a network drive, each takes milliseconds of waiting."""


@dataclass(frozen=True)
class Item:
    """One recording of a job.

    place: its path as the list has it, or below the folder; it decides the shard and the output. path: the file,
    absolute. output: its output is `<output_dir>/<output>.<format>`. seconds: its length, which may be a guess.
    """

    place: str
    path: Path
    output: Path
    seconds: float = 0.0

    @property
    def recording(self) -> Recording:
        """It as the command line knows it."""
        return Recording(self.place, self.path, output=self.output)


class Shard(NamedTuple):
    """One of `count` parts of a job; number: 0 to count - 1."""

    number: int
    count: int

    def holds(self, item: Item) -> bool:
        """Whether the item belongs to this part. The same on every machine, and whatever else the job holds."""
        digest = hashlib.sha256(os.fsencode(item.place)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number


def find_items(source: str, recursive: bool) -> list[Item]:
    """Return what a folder holds, or what a list names (one path per line, relative to the list's folder).

    Raises AudioError if that can't be read or is empty.
    """
    if os.path.isdir(source):
        folder = source
        places = [os.path.relpath(path, source) for path in search_folder(source, recursive)]
    else:
        folder = "" if source == STDIN else os.path.dirname(source)
        places = [os.path.normpath(line) for line in read_list(source)]
    if not places:
        raise AudioError("no_recordings", name=source)
    absolute = os.path.abspath(folder)
    return [Item(place, Path(absolute, place), _output(place)) for place in dict.fromkeys(places)]


def check_outputs(items: Iterable[Item], folder: Path, formats: Sequence[str]) -> None:
    """Raise OutputError if two items would write the same file, or one would replace another one's recording."""
    owners: dict[Path, Item] = {}
    items = list(items)
    for item in items:
        if (other := owners.setdefault(item.output, item)) is not item:
            names = {"first": displayed(other.place), "second": displayed(item.place)}
            raise OutputError("same_output", **names, path=displayed(str(folder / item.output)))
    inputs = {os.path.normpath(item.path) for item in items}
    for item in items:
        for suffix in formats:
            path = os.path.normpath(folder / f"{item.output}.{suffix}")
            if path in inputs:
                raise OutputError("output_is_input", path=path)


def longest_first(items: Sequence[Item]) -> list[Item]:
    """Return the items with their lengths, the longest first: one that is begun last keeps all others waiting."""
    with ThreadPoolExecutor(READERS) as readers:
        lengths = readers.map(_length, (item.path for item in items))
        measured = [replace(item, seconds=seconds) for item, seconds in zip(items, lengths, strict=True)]
    return sorted(measured, key=lambda item: -item.seconds)


def _output(place: str) -> Path:
    """Where the output goes, without the suffix of the format: never outside the output folder."""
    parts = [part for part in Path(place).parts if part not in ("..", Path(place).anchor)]
    return Path(*parts)


def _length(path: Path) -> float:
    try:
        return known_seconds(path) or path.stat().st_size / BYTES_PER_SECOND
    except (OSError, ValueError):  # reported when its turn comes
        return 0.0
