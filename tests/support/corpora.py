"""Writes the tests' recordings in the layouts in which test sets are published."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import soundfile

from kikitori.audio.files import load_audio
from tests.support.recordings import RECORDINGS, Recording, recordings_in

SPOKEN = {
    "English": recordings_in(RECORDINGS, "en2ja"),
    "Japanese": recordings_in(RECORDINGS, "ja2en"),
    "Portuguese": recordings_in(RECORDINGS, "pt"),
}
"""Language -> recordings in which it is spoken. Their `said` is what is spoken."""


def write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_librispeech(folder: Path, texts: Mapping[Recording, str]) -> Path:
    """Two chapters of one speaker, with texts in capitals."""
    for number, (recording, text) in enumerate(texts.items()):
        chapter = folder / "test-clean" / "61" / f"7096{number % 2}"
        name = f"61-{chapter.name}-{number:04}"
        chapter.mkdir(parents=True, exist_ok=True)
        shutil.copy(recording.path, chapter / f"{name}.flac")
        with (chapter / f"61-{chapter.name}.trans.txt").open("a", encoding="utf-8") as file:
            file.write(f"{name} {text.upper().rstrip('.')}\n")
    return folder


def write_aishell(folder: Path, texts: Mapping[Recording, str]) -> Path:
    """One speaker; the texts have spaces between their characters."""
    speaker = folder / "wav" / "test" / "S0764"
    speaker.mkdir(parents=True)
    for recording in texts:
        soundfile.write(speaker / f"{recording.path.stem}.wav", load_audio(recording.path), 16000)
    lines = [f"{recording.path.stem} {' '.join(text)}" for recording, text in texts.items()]
    write_lines(folder / "transcript" / "aishell_transcript_v0.8.txt", [*lines, ""])
    return folder


def write_fleurs(folder: Path, config: str, texts: Mapping[Recording, str], split: str = "test") -> Path:
    """One language; `folder` may hold others. File names are numbers, the same ones in every language."""
    audio = folder / config / "audio" / split
    audio.mkdir(parents=True)
    rows = []
    for number, (recording, text) in enumerate(texts.items()):
        shutil.copy(recording.path, audio / f"{number}.flac")
        rows.append("\t".join([str(number), f"{number}.flac", text, "words", "w o r d s", "16000", "FEMALE"]))
    write_lines(folder / config / f"{split}.tsv", rows)
    return folder


def write_common_voice(folder: Path, texts: Mapping[Recording, str], locale: str | None = None) -> Path:
    """One locale. locale: the value of its column; without it there is no such column."""
    (folder / "clips").mkdir(parents=True)
    rows = [["path", "sentence", *(["locale"] if locale else [])]]
    for recording, text in texts.items():
        shutil.copy(recording.path, folder / "clips")
        rows.append([recording.path.name, text, *([locale] if locale else [])])
    write_lines(folder / "test.tsv", map("\t".join, rows))
    return folder
