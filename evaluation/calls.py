"""Reads calls: recordings with SegLST, STM or RTTM files, which say who speaks when."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.data import DataError, Segment, Utterance

AUDIO_SUFFIXES = frozenset(
    ".3gp .aac .aif .aiff .amr .asf .au .avi .caf .flac .flv .m4a .mka .mkv .mov .mp3 .mp4 .mpeg .mpg .nist .oga .ogg "
    ".opus .snd .sph .ts .w64 .wav .webm .wma".split()
)
"""Files that can be a call's recording. Other files with the same stem, such as notes, are ignored."""


def reference_files(root: Path) -> list[Path]:
    """Return the files of a folder that may say who speaks when."""
    return sorted(file for suffix in ("json", "stm", "rttm") for file in root.glob(f"*.{suffix}"))


def read_calls(root: Path) -> Iterator[Utterance]:
    """Yield the recordings that the folder's `reference_files` name."""
    recordings: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(root.iterdir()):
        if file.suffix.lower() in AUDIO_SUFFIXES and file.is_file():
            recordings[file.stem].append(file)
    for session, reference in sorted(_sessions(reference_files(root)).items()):
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
