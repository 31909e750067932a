"""Every hostile file ends in sound or in one sentence, and takes little memory."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.served import ROOT
from kikitori.audio.files import load_audio
from kikitori.errors import AudioError
from kikitori.strings import display_name, displayed
from tests.support.hostile_files import EITHER, SOUND, SUFFIXES, clip, mutate
from tests.support.recordings import one_recording

MEBIBYTE = 1024  # KiB
EITHER_SUFFIXES = {".wav", ".flac", ".m4a", ".mp4", ".mov", ".mkv", ".webm", ".aiff", ".caf"}
"""Containers in whose headers, or between whose samples, some bytes matter and others do not."""
MUTATIONS = 40
"""Per container."""


@pytest.mark.slow
def test_every_file_is_sound_or_one_sentence_in_bounded_memory(hostile):
    """All files are read in one separate process, to notice a crash of a decoder and to measure its memory."""
    assert len(hostile) >= 300 and len({file.path for file in hostile}) == len(hostile)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.hostile_reader"],
        input=json.dumps([str(file.path) for file in hostile]),
        capture_output=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(lines)) == (0, len(hostile)), (hostile[len(lines) :][:1], done.stderr[-3000:])
    assert "Traceback" not in done.stderr  # PyAV prints tracebacks of errors that it drops
    unexpected = [
        (file, result)
        for file, (result, _) in zip(hostile, lines, strict=True)
        if not (result == file.outcome or file.outcome == EITHER or re.search(file.outcome, result))
    ]
    assert unexpected == []
    undecided = [file.path.suffix for file in hostile if file.outcome == EITHER]
    assert len(undecided) == 39 and set(undecided) == EITHER_SUFFIXES
    for file, (result, _) in zip(hostile, lines, strict=True):
        one_line = len(result.splitlines()) == 1
        assert result == SOUND or (result.startswith(display_name(file.path) + " ") and one_line)
    peaks = [peak for _, peak in lines]
    assert peaks[-1] - peaks[0] < 60 * MEBIBYTE


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_mutated_files_are_sound_or_one_sentence(tmp_path, suffix):
    """Bytes of a real file are replaced, removed or doubled, by a fixed seed."""
    data = clip(tmp_path / f"whole{suffix}").read_bytes()
    draw = random.Random(suffix)
    path = tmp_path / f"clip{suffix}"
    for _ in range(MUTATIONS):
        start, end = sorted(draw.randrange(len(data)) for _ in range(2))
        part = draw.choice((b"", data[start:end] * 2, mutate(data[start : end + 1], draw, draw.choice((1, 4, 64)))))
        path.write_bytes(data[:start] + part + data[end:])
        with contextlib.suppress(AudioError):
            assert len(load_audio(path, max_seconds=60))


@pytest.mark.slow
def test_the_command_line_transcribes_the_good_files_and_names_the_others(hostile, tmp_path):
    """One command with a file of each kind and every name: exit code 1, one error per bad file, texts of the others."""
    good = [one_recording(direction).path for direction in ("pt", "en2ja")]
    chosen = [file for file in hostile if is_chosen(file)]
    paths = [good[0], *(file.path for file in chosen), good[1]]
    command = [sys.executable, ROOT / "inference.py", "--direction", "pt", "--checkpoint", "tiny", "-o", tmp_path]
    done = subprocess.run([*command, "--max-seconds", "600", "--", *map(os.fsencode, paths)], capture_output=True)
    shown = done.stderr.decode()
    assert done.returncode == 1 and done.stdout == b"" and "Traceback" not in shown
    bad = [file for file in chosen if file.outcome != SOUND or not has_room_for_suffix(file.path)]
    errors = [line.removeprefix("error: ") for line in shown.splitlines() if line.startswith("error: ")]
    assert len(errors) == len(bad) > 15
    shown_paths = [displayed(str(file.path)) for file in bad]
    named = [max((path for path in shown_paths if error.startswith(path)), key=len) for error in errors]
    assert sorted(named) == sorted(shown_paths)
    # After exit code 1 the journals stay, for `--resume`.
    written = {path.name for path in tmp_path.iterdir() if path.suffix != ".journal"}
    assert written == {f"{name_of_output(path)}.txt" for path in paths if path not in {file.path for file in bad}}
    text = (tmp_path / f"{good[0].stem}.txt").read_text(encoding="utf-8")
    assert text == one_recording("pt").reference + "\n"


def has_room_for_suffix(path: Path) -> bool:
    """Whether `.txt` fits into a file name of 255 bytes."""
    return len(os.fsencode(path.stem)) <= 251


def name_of_output(path: Path) -> str:
    """Without the suffix, unless only dots were left, which would name a folder."""
    return path.stem if path.stem.strip(".") else path.name


def is_chosen(file) -> bool:
    """Whether a file is cheap to decode and the only one of its kind."""
    kind, name = file.path.parent.name, file.path.name
    if "\0" in name or len(name) == 300:  # not possible on a command line; the same beginning as another one
        return False
    return kind in ("names", "no_regular_files") or name in (
        *("empty.wav", "text.wav", "picture.wav", "film without sound.mp4", "nan FLOAT.wav", "1 Hz.wav", "hours.aac"),
        *("WAV PCM_24.wav", "384000 Hz.wav", "16 channels.wav", "clipped.wav", "digital silence.wav"),
    )
