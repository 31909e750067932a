"""From what the user typed to recordings: files, folders, lists of paths, and standard input."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from kikitori.audio.files import check_file, stream_audio
from kikitori.cli.names import output_names
from kikitori.errors import AudioError, OutputError, SpeechError
from kikitori.strings import displayed

STDIN = "-"

SUFFIXES = frozenset(
    ".3g2 .3gp .aac .aif .aifc .aiff .amr .asf .au .avi .caf .flac .flv .m2ts .m4a .m4b .m4v .mka .mkv .mov .mp2 .mp3 "
    ".mp4 .mpeg .mpg .mts .oga .ogg .ogv .opus .ts .wav .weba .webm .wma .wmv".split()
)
"""Of a folder, only files with these suffixes are taken, in upper or lower case."""


@dataclass(frozen=True)
class Recording:
    """One recording.

    shown: its path as the user typed it. path: the file to read. folder: the named folder in which it was found.
    output: its output is `<output_dir>/<output>.<format>`. is_stdin: it came through standard input.
    """

    shown: str
    path: Path
    folder: Path | None = None
    output: Path = Path()
    is_stdin: bool = False

    @property
    def place(self) -> Path:
        """Where it is, as far as the names of outputs are concerned."""
        return Path(STDIN, self.path.name) if self.is_stdin else self.path


def sentence(error: SpeechError, shown: str) -> str:
    """An error's sentence, with the recording's path as the user typed it: in place of its name, or in front."""
    if "name" in error.values:
        return str(SpeechError(error.code, **error.values | {"name": displayed(shown)}))
    return str(error) if "path" in error.values else f"{displayed(shown)}: {error}"


def find_recordings(options: argparse.Namespace, stack: ExitStack) -> tuple[list[Recording], list[str]]:
    """Return all recordings that the options name, each once, and an error's sentence for each name that is no use.

    What standard input holds is kept in a temporary file until `stack` is closed.
    """
    found: list[Recording] = []
    errors: list[str] = []
    names = list(options.audio)
    if options.files_from is not None:
        try:
            names += read_list(options.files_from)
        except AudioError as error:
            errors.append(sentence(error, options.files_from))
    for name in dict.fromkeys(names):
        try:
            found += _find(name, options.recursive, stack)
        except (AudioError, OutputError) as error:
            errors.append(sentence(error, name))
    return _with_outputs(found), errors


def input_paths(options: argparse.Namespace, recordings: Iterable[Recording]) -> set[str]:
    """Return the real paths of all files that a command reads, which no output may replace."""
    named = [options.files_from, options.context_file, options.replace_file]
    return {os.path.realpath(path) for path in (*(recording.path for recording in recordings), *filter(None, named))}


def check_recording(recording: Recording, max_seconds: float, track: int | None) -> None:
    """Raise AudioError if a file can't be opened or its beginning can't be decoded, if its header is too long, or if it
    has no such audio track.

    Damage is not reported: what comes before it will be transcribed.
    """
    check_file(recording.path)
    try:
        next(iter(stream_audio(recording.path, max_seconds, track=track)), None)
    except AudioError as error:
        if error.code != "damaged":
            raise


def _with_outputs(found: Iterable[Recording]) -> list[Recording]:
    unique: dict[str, Recording] = {}
    for recording in found:
        unique.setdefault(os.path.abspath(recording.path), recording)
    names = output_names([(recording.place, recording.folder) for recording in unique.values()])
    return [replace(recording, output=name) for recording, name in zip(unique.values(), names, strict=True)]


def _find(name: str, recursive: bool, stack: ExitStack) -> Iterator[Recording]:
    """The recordings that one name stands for."""
    if name == STDIN:
        path = _keep_stdin(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kikitori-"))))
        yield Recording(path.name, path, is_stdin=True)
    elif os.path.isdir(name):
        paths = list(search_folder(name, recursive))
        if not paths:
            raise AudioError("no_recordings", name=name)
        yield from (Recording(path, Path(path), Path(name)) for path in paths)
    else:
        yield Recording(name, Path(name))


def _keep_stdin(folder: Path) -> Path:
    """Copy standard input to a file, because a recording is read more than once."""
    path = folder / "stdin"
    if sys.stdin is None:
        raise AudioError("file_unopenable", name=STDIN, why="standard input is closed")
    try:
        with path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error
    return path


def search_folder(folder: str, recursive: bool) -> Iterator[str]:
    """The recordings in a folder, sorted; hidden files and folders are left out, links to folders are not followed."""

    def refuse(error: OSError) -> None:
        raise AudioError("file_unopenable", name=error.filename, why=error.strerror) from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.join(parent, name)


def read_list(path: str) -> list[str]:
    """The paths in a file, one per line; `-` is standard input. Empty lines are left out."""
    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    except FileNotFoundError as error:
        raise AudioError("file_missing", name=path) from error
    except OSError as error:
        raise AudioError("file_unopenable", name=path, why=error.strerror) from error
    return parse_list(content, path)


def parse_list(content: bytes, name: str) -> list[str]:
    """The paths in a list's content. Raises AudioError if there are none, or if it is no list of paths."""
    lines = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).split("\n")
    names = [line.removesuffix("\r") for line in lines if line.strip()]
    if not names:
        raise AudioError("no_recordings", name=name)
    if b"\0" in content:
        raise AudioError("file_unopenable", name=name, why="it is not text: write one path per line")
    if names[0].startswith('{"'):
        raise AudioError("file_unopenable", name=name, why="its lines are JSON: write one path per line")
    return names
