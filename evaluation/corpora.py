"""Reads the folders of Common Voice, LibriSpeech and AISHELL-1, whose recordings are in a known language."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from evaluation.data import DataError, Segment, Utterance
from evaluation.tables import named_lines, tsv_rows
from kikitori.errors import TaskError
from kikitori.languages import find_language
from kikitori.tasks import Task

_LOG = logging.getLogger(__name__)


def language_of(locale: str) -> str:
    """Return the English name of a language or locale, such as `pt`; empty if Qwen3-ASR does not know it."""
    if locale.lower() == "zh-hk":  # of Common Voice
        return "Cantonese"
    try:
        return find_language(locale) or ""
    except TaskError:
        return ""


def locales_in(root: Path) -> list[Path]:
    """Return the folders of Common Voice's locales in a folder of several: those whose language Qwen3-ASR knows."""
    folders = sorted(clips.parent for clips in root.glob("*/clips") if clips.is_dir())
    return [folder for folder in folders if language_of(folder.name)]


def read_locales(root: Path, split: str, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of all `locales_in` a folder."""
    for folder in locales_in(root):
        yield from read_common_voice(folder, split, task, f"{folder.name}/")


def read_common_voice(root: Path, split: str, task: Task, prefix: str = "") -> Iterator[Utterance]:
    """Yield the recordings of one locale. prefix: of their names."""
    tsv = root / f"{split}.tsv"
    column = "translation" if task.translates else "sentence"
    for row in tsv_rows(tsv):
        if row.get(column) is None or row.get("path") is None:
            raise DataError(f"{tsv} lacks column 'path' or {column!r}: --direction {task.name} needs both")
        language = language_of(row.get("locale") or root.name)
        yield Utterance(prefix + row["path"], root / "clips" / row["path"], (Segment(None, row[column]),), language)


def librispeech_folder(root: Path, split: str) -> Path | None:
    """Return the folder of a split: a subset of the folder, or the folder itself. None in another layout."""
    return next((folder for folder in (root / split, root) if any(folder.glob("*/*/*.trans.txt"))), None)


def read_librispeech(folder: Path) -> Iterator[Utterance]:
    """Yield the recordings of a split, which are English: SPEAKER/CHAPTER/*.flac with one *.trans.txt a chapter."""
    for transcripts in sorted(folder.glob("*/*/*.trans.txt")):
        for name, words in named_lines(transcripts):
            file = transcripts.parent / f"{name}.flac"
            yield Utterance(file.name, file, (Segment(None, words),), "English")


def aishell_transcripts(root: Path) -> list[Path]:
    """Return the files with the texts of AISHELL-1; empty in another layout."""
    return sorted((root / "transcript").glob("aishell_transcript*.txt"))


def read_aishell(root: Path, split: str) -> Iterator[Utterance]:
    """Yield the recordings of a split, which are Chinese: wav/SPLIT/SPEAKER/*.wav. Those without a text are left out.

    The spaces between the words of the texts are removed.
    """
    texts = {name: words for file in aishell_transcripts(root) for name, words in named_lines(file)}
    files = sorted((root / "wav" / split).glob("*/*.wav"))
    if missing := [file for file in files if file.stem not in texts]:
        _LOG.warning("%d of %d recordings have no text and are left out", len(missing), len(files))
    for file in files:
        if file.stem in texts:
            yield Utterance(file.name, file, (Segment(None, "".join(texts[file.stem].split())),), "Chinese")
