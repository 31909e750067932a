"""Reads test sets: recordings with their references, one at a time, from the layouts that data sets are published in.

| layout | value of `--data` |
| --- | --- |
| Common Voice | a locale's folder: `test.tsv`, `clips/` (translation needs CoVoST 2's column `translation`) |
| FLEURS | the folder of `en_us`, `ja_jp`, `fr_fr` …: in each `test.tsv`, and `audio/test/` or `audio/test.tar.gz` |
| LibriSpeech | its folder, or that of a split: `SPEAKER/CHAPTER/*.flac` with one `*.trans.txt` a chapter |
| AISHELL-1 | its folder: `wav/SPLIT/SPEAKER/*.wav`, unpacked, and `transcript/aishell_transcript_*.txt` |
| calls | a folder of audio with SegLST (`.json`), STM (`.stm`) or RTTM (`.rttm`) files; RTTM has no words |
| examples | a folder of audio with `references.json`, such as this repository's `examples/` |
| parquet | a folder with `CONFIG/SPLIT/*.parquet`, the hub's export format |
| the hub | `hf://datasets/OWNER/NAME`: a data set's parquet export, streamed; for FLEURS its own files, cached |

The direction `transcribe` also reads a folder of several locales of Common Voice. It alone reads LibriSpeech and
AISHELL-1. Not supported: STM's categories in angle brackets, and Common Voice's tar archives.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from evaluation.calls import read_calls, reference_files
from evaluation.corpora import (
    aishell_transcripts,
    librispeech_folder,
    locales_in,
    read_aishell,
    read_common_voice,
    read_librispeech,
    read_locales,
)
from evaluation.data import DataError, Segment, Source, Utterance
from evaluation.fleurs import languages_in, read_fleurs
from evaluation.normalisation import written_form
from evaluation.parquet import HUB, read_hub, read_local_parquet
from kikitori.errors import TaskError
from kikitori.languages import AUTO, find_language
from kikitori.tasks import Task, get_task
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import Turn

TEXTS = ("direction", "reference", "said", "language", "context")
"""What an example in references.json may have."""

_LOG = logging.getLogger(__name__)


def read_utterances(source: Source, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of a test set with their references; for `pt` in the card's written form.

    For `transcribe`, each has its language; if the task has one, only recordings in it are yielded. Raises DataError if
    the layout or a language is unknown, there are no recordings, a recording is missing, or two have one name.
    """
    names: set[str] = set()
    for utterance in _in_language(_reader(source, task), task):
        if utterance.name in names:
            raise DataError(f"{source.location} has two recordings named {utterance.name}: rename one")
        if isinstance(utterance.audio, Path) and not utterance.audio.is_file():
            raise DataError(f"{utterance.audio} is missing, but the references name it: fetch the data again")
        names.add(utterance.name)
        yield utterance if task.name != "pt" else _in_written_form(utterance)
    if not names:
        wanted = f"{task.name} in {task.spoken}" if task.takes_any and task.spoken else task.name
        raise DataError(f"{source.location} holds no recordings for {wanted}: check --data and --direction")


def _in_language(utterances: Iterable[Utterance], task: Task) -> Iterator[Utterance]:
    if not task.takes_any:
        yield from utterances
        return
    for utterance in utterances:
        language = utterance.language or task.spoken
        if language is None:
            raise DataError(f"the data don't tell the language of {utterance.name}: give it with --language")
        if task.spoken in (None, language):
            yield replace(utterance, language=language)


def _in_written_form(utterance: Utterance) -> Utterance:
    reference = tuple(
        replace(segment, text=segment.text and written_form(segment.text)) for segment in utterance.reference
    )
    return replace(utterance, reference=reference)


def _reader(source: Source, task: Task) -> Iterator[Utterance]:
    if source.location.startswith(HUB):
        return read_hub(source, task)
    root = Path(source.location).expanduser()
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name a folder with recordings, or {HUB}OWNER/NAME")
    if (root / "references.json").is_file():
        return _read_examples(root, task)
    if (root / "clips").is_dir():
        return read_common_voice(root, source.split, task)
    if languages_in(root, source.split, task):
        return read_fleurs(root, source.split, task)
    if task.takes_any and (found := _corpus_reader(root, source.split, task)):
        return found
    if reference_files(root):
        return read_calls(root)
    if source.config and (root / source.config).is_dir():
        return read_local_parquet(root, source, task)
    raise DataError(
        f"{root} has no layout that can be read for {task.name}, split {source.split!r}: "
        f"{source.split}.tsv with clips/, FLEURS's folders with {source.split}.tsv, LibriSpeech or AISHELL-1 (for "
        "transcribe), audio with .json, .stm or .rttm files, references.json, or parquet files under --config: "
        "check --data and --split"
    )


def _corpus_reader(root: Path, split: str, task: Task) -> Iterator[Utterance] | None:
    """Return the recordings in a layout that only `transcribe` reads; None in another layout."""
    if folder := librispeech_folder(root, split):
        return read_librispeech(folder)
    if aishell_transcripts(root):
        return read_aishell(root, split)
    return read_locales(root, split, task) if locales_in(root) else None


def _read_examples(root: Path, task: Task) -> Iterator[Utterance]:
    for name, entry in _references(root / "references.json").items():
        context = entry.get("context", "")
        if task.takes_any and entry["direction"] == task.name and not entry.get("language"):
            _LOG.warning("%s has no language, as if it were in several, and is left out", name)
        elif entry["direction"] == task.name:
            turns, _ = (parse_turns if task.has_speakers else parse_plain)(entry["reference"])
            language = find_language(entry.get("language", AUTO)) or ""
            yield Utterance(name, root / name, segments(turns), language, context)
        elif task.takes_any and entry.get("said"):
            language = get_task(entry["direction"]).spoken
            yield Utterance(name, root / name, (Segment(None, entry["said"]),), language, context)


def _references(path: Path) -> dict[str, dict[str, str]]:
    """Return what a references.json holds: file name -> direction, reference and so on. Raises DataError."""
    try:
        references = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read ({error}): correct it") from error
    if not isinstance(references, dict):
        raise DataError(f"{path} is no JSON object of file names: correct it")
    for name, entry in references.items():
        if not isinstance(entry, dict) or not {"direction", "reference"} <= entry.keys():
            raise DataError(f"{path}: {name} needs a direction and a reference: correct it")
        if wrong := [key for key in TEXTS if not isinstance(entry.get(key, ""), str)]:
            raise DataError(f"{path}: {wrong[0]} of {name} is no text: correct it")
        try:
            _ = get_task(entry["direction"]), find_language(entry.get("language") or AUTO)
        except TaskError as error:
            raise DataError(f"{path}: {name}: {error}") from error
    return references


def segments(turns: Iterable[Turn]) -> tuple[Segment, ...]:
    """The speakers and texts of turns, without their times."""
    return tuple(Segment(turn.speaker, turn.text) for turn in turns)
