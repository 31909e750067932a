"""From a list or a folder to the items of a job: each has an output of its own, and belongs to one shard."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from kikitori.audio.files import known_seconds
from kikitori.batch.remote import RemoteFile, find_file, is_folder, is_url, join_url, list_folder, read_bytes
from kikitori.cli.inputs import STDIN, SUFFIXES, Recording, parse_list, read_list, search_folder
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
    absolute; without a meaning if it is behind a URL. output: its output is `<output_dir>/<output>.<format>`.
    seconds: its length, which may be a guess. remote: the file behind a URL, or None. folder: the one in which it was
    found, or that of the list, as it was typed.
    """

    place: str
    path: Path
    output: Path
    seconds: float = 0.0
    remote: RemoteFile | None = None
    folder: str = ""

    @property
    def shown(self) -> str:
        """The path or URL for messages, which can be pasted into another command."""
        return self.remote.url if self.remote else os.path.join(self.folder, self.place)

    @property
    def recording(self) -> Recording:
        """It as the command line knows it."""
        return Recording(self.place, self.path, output=self.output)


class Shard(NamedTuple):
    """One of `count` parts of a job; number: 0 to count - 1."""

    number: int
    count: int

    def holds(self, place: str) -> bool:
        """Whether an item's place belongs to this part. The same on every machine, and whatever else the job holds."""
        digest = hashlib.sha256(os.fsencode(place)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number


def find_items(source: str, recursive: bool) -> list[Item]:
    """Return what a folder holds, or what a list names (one path or URL per line, relative to the list's folder).

    source: a path or a URL. Raises AudioError if that can't be read or is empty, and BatchError.
    """
    items = {item.place: item for item in _find(source, recursive)}
    if not items:
        raise AudioError("no_recordings", name=source)
    return list(items.values())


def _find(source: str, recursive: bool) -> Iterator[Item]:
    if is_url(source):
        if is_folder(source):
            yield from (
                _remote_item(place, file)
                for place, file in list_folder(source, recursive)
                if posixpath.splitext(place)[1].lower() in SUFFIXES
            )
        else:
            lines = parse_list(read_bytes(source), source)
            yield from (_listed(line, posixpath.dirname(source)) for line in lines)
    elif os.path.isdir(source):
        folder = os.path.abspath(source)
        for path in search_folder(source, recursive):
            place = os.path.relpath(path, source)
            yield Item(place, Path(folder, place), _output(place), folder=source)
    else:
        folder = "" if source == STDIN else os.path.dirname(source)
        yield from (_listed(line, folder) for line in read_list(source))


def _listed(line: str, folder: str) -> Item:
    """The item of a line. folder: that of the list."""
    if is_url(line):
        return _remote_item(line, RemoteFile(line))
    place = os.path.normpath(line)
    if is_url(folder) and not os.path.isabs(place):
        return _remote_item(place, RemoteFile(join_url(folder, place)))
    return Item(place, Path(os.path.abspath(folder), place), _output(place), folder=folder)


def _remote_item(place: str, file: RemoteFile) -> Item:
    return Item(place, Path(file.name), _output(place.partition("://")[2] or place), remote=file)


def check_outputs(
    items: Iterable[Item], folder: Path | str, formats: Sequence[str], others: Iterable[str] = ()
) -> None:
    """Raise OutputError if two items would write the same file, or one would replace a file that the command reads.

    folder: of the output, a path or a URL. others: paths and URLs of what the command reads besides the recordings.
    """
    owners: dict[Path, Item] = {}
    items = list(items)
    for item in items:
        if (other := owners.setdefault(item.output, item)) is not item:
            names = {"first": displayed(other.place), "second": displayed(item.place)}
            raise OutputError("same_output", **names, path=displayed(output_place(folder, item, "")))
    inputs = {item.remote.url if item.remote else os.path.normpath(item.path) for item in items}
    inputs |= {name if is_url(name) else os.path.abspath(name) for name in others}
    for item in items:
        for suffix in formats:
            path = output_place(folder, item, f".{suffix}")
            if path in inputs:
                raise OutputError("output_is_input", path=displayed(path))


def output_place(folder: Path | str, item: Item, suffix: str) -> str:
    """The path or URL of one of an item's outputs. folder: a path or a URL; suffix: with its dot."""
    if isinstance(folder, str):
        return join_url(folder, f"{item.output.as_posix()}{suffix}")
    return os.path.normpath(folder / f"{item.output}{suffix}")


def longest_first(items: Sequence[Item]) -> list[Item]:
    """Return the items with their lengths, the longest first: one that is begun last keeps all others waiting."""
    with ThreadPoolExecutor(READERS) as readers:
        measured = list(readers.map(_measured, items))
    return sorted(measured, key=lambda item: -item.seconds)


def _output(place: str) -> Path:
    """Where the output goes, without the suffix of the format: never outside the output folder."""
    parts = [part for part in Path(place).parts if part not in ("..", Path(place).anchor)]
    return Path(*parts)


def _measured(item: Item) -> Item:
    """The item with its length; behind a URL, the size decides, because the header would have to be fetched."""
    try:
        if not item.remote:
            size = item.path.stat().st_size
            return replace(item, seconds=known_seconds(item.path) or size / BYTES_PER_SECOND)
        file = item.remote if item.remote.size is not None else find_file(item.remote.url)
        return replace(item, remote=file, seconds=(file.size or 0) / BYTES_PER_SECOND)
    except (OSError, ValueError, AudioError):  # reported when its turn comes
        return item
