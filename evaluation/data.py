"""Reads test sets: recordings with their references, one at a time, from the layouts that data sets are published in.

| layout | value of `--data` |
| --- | --- |
| Common Voice | a language's folder: `test.tsv`, `clips/` (translation needs CoVoST 2's column `translation`) |
| FLEURS | the folder of `en_us`, `ja_jp`, `pt_br`: in each `test.tsv`, and `audio/test/` or `audio/test.tar.gz` |
| calls | a folder of audio with SegLST (`.json`), STM (`.stm`) or RTTM (`.rttm`) files; RTTM has no words |
| examples | a folder of audio with `references.json`, such as this repository's `examples/` |
| parquet | a folder with `CONFIG/SPLIT/*.parquet`, the hub's export format |
| the hub | `hf://datasets/OWNER/NAME`: a data set's parquet export, streamed; for FLEURS its own files, cached |

Not supported: STM's categories in angle brackets, and Common Voice's tar archives.
"""

from __future__ import annotations

import csv
import json
import logging
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.errors import ToolError
from evaluation.normalisation import written_form
from kikitori.tasks import Task
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import Turn

HUB = "hf://datasets/"
PARQUET_REVISION = "refs/convert/parquet"
"""Branch with the hub's parquet export of a data set."""
FLEURS = "google/fleurs"
"""Read from its own files under `data/`: it has no reliable parquet export."""
FLEURS_SPOKEN = {"en2ja": "en_us", "ja2en": "ja_jp", "pt": "pt_br", "diarize": "ja_jp"}
FLEURS_WRITTEN = {"en2ja": "ja_jp", "ja2en": "en_us", "pt": "pt_br", "diarize": "ja_jp"}
FLEURS_COLUMNS = ("id", "file_name", "raw_transcription", "transcription", "characters", "num_samples", "gender")
"""Columns of FLEURS's tsv files, which have no header."""
TEXT_COLUMNS = ("raw_transcription", "sentence", "text", "transcription")
"""Names that hub data sets use for the column with the text; the first one present is taken."""
ROWS_PER_BATCH = 16
AUDIO_SUFFIXES = frozenset(
    ".3gp .aac .aif .aiff .amr .asf .au .avi .caf .flac .flv .m4a .mka .mkv .mov .mp3 .mp4 .mpeg .mpg .nist .oga .ogg "
    ".opus .snd .sph .ts .w64 .wav .webm .wma".split()
)
"""Files that can be a call's recording. Other files with the same stem, such as notes, are ignored."""

_LOG = logging.getLogger(__name__)


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
    """

    name: str
    audio: Path | bytes
    reference: tuple[Segment, ...]

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
    for `translation` if the task translates, else for the first of TEXT_COLUMNS that is present.
    """

    location: str
    split: str = "test"
    config: str | None = None
    reference_config: str | None = None
    text_column: str | None = None


def read_utterances(source: Source, task: Task) -> Iterator[Utterance]:
    """Yield the recordings of a test set with their references; Portuguese references in the card's written form.

    Raises DataError if the layout is unknown, there are no recordings, a recording is missing, or two have one name.
    """
    names: set[str] = set()
    for utterance in _reader(source, task):
        if utterance.name in names:
            raise DataError(f"{source.location} has two recordings named {utterance.name}: rename one")
        if isinstance(utterance.audio, Path) and not utterance.audio.is_file():
            raise DataError(f"{utterance.audio} is missing, but the references name it: fetch the data again")
        names.add(utterance.name)
        yield utterance if task.name != "pt" else _in_written_form(utterance)
    if not names:
        raise DataError(f"{source.location} holds no recordings for {task.name}: check --data and --direction")


def _in_written_form(utterance: Utterance) -> Utterance:
    reference = tuple(
        replace(segment, text=segment.text and written_form(segment.text)) for segment in utterance.reference
    )
    return replace(utterance, reference=reference)


def _reader(source: Source, task: Task) -> Iterator[Utterance]:
    if source.location.startswith(HUB):
        return _read_hub(source, task)
    root = Path(source.location).expanduser()
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: name a folder with recordings, or {HUB}OWNER/NAME")
    if (root / "references.json").is_file():
        return _read_examples(root, task)
    if (root / "clips").is_dir():
        return _read_common_voice(root, source.split, task)
    if (root / FLEURS_SPOKEN[task.name] / f"{source.split}.tsv").is_file():
        return _read_fleurs(root, source.split, task)
    if files := sorted(file for suffix in ("json", "stm", "rttm") for file in root.glob(f"*.{suffix}")):
        return _read_calls(root, files)
    if source.config and (root / source.config).is_dir():
        from fsspec.implementations.local import LocalFileSystem

        return _read_parquet(LocalFileSystem(), str(root), source, task)
    language = FLEURS_SPOKEN[task.name]
    raise DataError(
        f"{root} has no layout that can be read for {task.name}, split {source.split!r}: "
        f"{source.split}.tsv with clips/, {language}/{source.split}.tsv, audio with .json, .stm or .rttm files, "
        "references.json, or parquet files under --config: check --data and --split"
    )


def _read_examples(root: Path, task: Task) -> Iterator[Utterance]:
    references = json.loads((root / "references.json").read_text(encoding="utf-8"))
    for name, entry in references.items():
        if entry["direction"] == task.name:
            turns, _ = (parse_turns if task.has_speakers else parse_plain)(entry["reference"])
            yield Utterance(name, root / name, segments(turns))


def segments(turns: Iterable[Turn]) -> tuple[Segment, ...]:
    """The speakers and texts of turns, without their times."""
    return tuple(Segment(turn.speaker, turn.text) for turn in turns)


def _read_common_voice(root: Path, split: str, task: Task) -> Iterator[Utterance]:
    tsv = root / f"{split}.tsv"
    column = "translation" if task.translates else "sentence"
    for row in _tsv_rows(tsv):
        if row.get(column) is None or row.get("path") is None:
            raise DataError(f"{tsv} lacks column 'path' or {column!r}: --direction {task.name} needs both")
        yield Utterance(row["path"], root / "clips" / row["path"], (Segment(None, row[column]),))


def _read_fleurs(root: Path, split: str, task: Task) -> Iterator[Utterance]:
    spoken, written = root / FLEURS_SPOKEN[task.name], root / FLEURS_WRITTEN[task.name]
    texts = {row["id"]: row["raw_transcription"] for row in _tsv_rows(written / f"{split}.tsv", FLEURS_COLUMNS)}
    files = {row["file_name"]: row["id"] for row in _tsv_rows(spoken / f"{split}.tsv", FLEURS_COLUMNS)}
    references = {name: texts[identity] for name, identity in files.items() if identity in texts}
    if unpaired := len(files) - len(references):
        _LOG.warning("%d of %d recordings have no sentence in %s and are left out", unpaired, len(files), written.name)
    for name, audio in _fleurs_audio(spoken / "audio", split, references):
        yield Utterance(name, audio, (Segment(None, references[name]),))


def _fleurs_audio(folder: Path, split: str, names: Iterable[str]) -> Iterator[tuple[str, Path | bytes]]:
    archive = folder / f"{split}.tar.gz"
    if not archive.is_file():
        yield from ((name, folder / split / name) for name in names)
        return
    missing = set(names)
    with tarfile.open(archive, mode="r|gz") as members:
        for member in members:
            name = Path(member.name).name
            if name in missing:
                missing.remove(name)
                yield name, members.extractfile(member).read()
    if missing:
        raise DataError(f"{archive} lacks {min(missing)} and {len(missing) - 1} more: fetch it again")


def _tsv_rows(path: Path, columns: tuple[str, ...] | None = None) -> Iterator[dict[str, str]]:
    """Yield the rows of a tsv file without quoting. columns: of a file without a header."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file, columns, delimiter="\t", quoting=csv.QUOTE_NONE)
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist: check --data and --split") from error


def _read_calls(root: Path, files: list[Path]) -> Iterator[Utterance]:
    recordings: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(root.iterdir()):
        if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file():
            recordings[file.stem].append(file)
    for session, reference in sorted(_sessions(files).items()):
        found = recordings[session]
        if not found:
            raise DataError(f"{root} holds no recording of {session}, which its references name: add the audio file")
        if len(found) > 1:
            names = " and ".join(file.name for file in found)
            raise DataError(f"{root} holds {len(found)} recordings of {session}, {names}: keep one")
        yield Utterance(found[0].name, found[0], reference)


def _sessions(files: list[Path]) -> dict[str, tuple[Segment, ...]]:
    """The references by recording (the stem of its name). Segments without words are used only if none has words."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in files:
        for segment in _load_segments(file):
            found[segment["session_id"]].append(segment)
    sessions = {}
    for session, spoken in found.items():
        spoken = [segment for segment in spoken if "words" in segment] or spoken
        spoken.sort(key=lambda segment: segment.get("start_time", 0))
        sessions[session] = tuple(Segment(str(segment["speaker"]), segment.get("words")) for segment in spoken)
    return sessions


def _load_segments(file: Path) -> list[dict[str, Any]]:
    """Read segments in SegLST's form: session_id, speaker, words (not from RTTM), start_time in seconds."""
    try:
        if file.suffix == ".json":
            found = json.loads(file.read_text(encoding="utf-8"))
        else:
            from meeteval.io import RTTM, STM

            found = (STM if file.suffix == ".stm" else RTTM).parse(file.read_text(encoding="utf-8")).to_seglst()
        found = list(found)
        if not all({"session_id", "speaker"} <= set(segment) for segment in found):
            raise ValueError("a segment has no session_id and speaker")
        return found
    except (ValueError, TypeError, AssertionError, ArithmeticError) as error:
        raise DataError(f"{file} is not a SegLST, STM or RTTM file ({error}): correct it, or move it away") from error


def _read_hub(source: Source, task: Task) -> Iterator[Utterance]:
    from huggingface_hub import HfFileSystem
    from huggingface_hub.errors import HfHubHTTPError
    from requests import RequestException

    repository = source.location.removeprefix(HUB)
    try:
        if repository == FLEURS:
            yield from _read_fleurs(_fetch_fleurs(source.split, task), source.split, task)
        else:
            yield from _read_parquet(HfFileSystem(), f"datasets/{repository}@{PARQUET_REVISION}", source, task)
    except (HfHubHTTPError, RequestException, OSError) as error:
        raise DataError(
            f"{source.location} can't be fetched from the hub ({type(error).__name__}): log in with `hf auth login` if "
            "it needs a login, or fetch it on another machine and give its folder with --data"
        ) from error


def _fetch_fleurs(split: str, task: Task) -> Path:
    """Download the files of one task and split; return the folder of languages in the hub's cache."""
    from huggingface_hub import snapshot_download

    spoken, written = FLEURS_SPOKEN[task.name], FLEURS_WRITTEN[task.name]
    wanted = [f"data/{written}/{split}.tsv", f"data/{spoken}/{split}.tsv", f"data/{spoken}/audio/{split}.tar.gz"]
    return Path(snapshot_download(FLEURS, repo_type="dataset", allow_patterns=wanted)) / "data"


def _read_parquet(files: Any, root: str, source: Source, task: Task) -> Iterator[Utterance]:
    """files: the fsspec file system on which `root` holds CONFIG/SPLIT/*.parquet."""
    config = source.config or "default"
    texts = None
    if source.reference_config:
        rows = _parquet_rows(
            files, f"{root}/{source.reference_config}/{source.split}", ("id", _text_column(source, False))
        )
        texts = {row["id"]: _text(row) for row in rows}
    columns = ("audio", "id") if texts is not None else ("audio", _text_column(source, task.translates))
    for number, row in enumerate(_parquet_rows(files, f"{root}/{config}/{source.split}", columns)):
        text = _text(row) if texts is None else texts.get(row["id"])
        if text is None:
            _LOG.warning("recording %d has no sentence in %s and is left out", number, source.reference_config)
            continue
        if row["audio"]["bytes"] is None:
            raise DataError(f"{root} names recordings but does not contain them: export it with its audio embedded")
        name = f"{number:06}-{Path(row['audio'].get('path') or 'audio').name}"
        yield Utterance(name, row["audio"]["bytes"], (Segment(None, text),))


def _text_column(source: Source, translates: bool) -> str:
    return source.text_column or ("translation" if translates else "")


def _text(row: dict[str, Any]) -> str | None:
    return next((value for column, value in row.items() if column not in ("audio", "id")), None)


def _parquet_rows(files: Any, folder: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield rows with these columns; an empty name stands for the first of TEXT_COLUMNS that is present."""
    import pyarrow.parquet

    paths = sorted(files.glob(f"{folder}/*.parquet"))
    if not paths:
        raise DataError(f"{folder} holds no parquet files: check --config and --split")
    for path in paths:
        with files.open(path, "rb") as file:
            table = pyarrow.parquet.ParquetFile(file)
            present = table.schema_arrow.names
            chosen = [name or next((text for text in TEXT_COLUMNS if text in present), "text") for name in columns]
            if missing := [name for name in chosen if name not in present]:
                raise DataError(f"{folder} has no column {missing[0]!r}, only {', '.join(present)}: give --text_column")
            for batch in table.iter_batches(ROWS_PER_BATCH, columns=chosen):
                yield from batch.to_pylist()
