"""The repository's recordings and the texts that they should become."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.served import ROOT
from kikitori.audio.files import load_audio
from kikitori.strings import join_texts
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn

RECORDINGS = ROOT / "tests" / "recordings"
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Recording:
    """A file and the text that it should become."""

    path: Path
    direction: str
    reference: str  # with speaker tags in calls
    said: str = ""  # the words in their own language, except in calls

    @property
    def is_call(self) -> bool:
        """Whether it has speaker tags."""
        return self.direction == "diarize"

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The reference's turns: one per speaker's turn in a call, otherwise one."""
        return parse_turns(self.reference)[0]

    @property
    def text(self) -> str:
        """The words of the reference."""
        return join_texts(turn.text for turn in self.turns)


def who_said_what(turns: Iterable[Turn]) -> list[tuple[str | None, str]]:
    """Speaker and text of each."""
    return [(turn.speaker, turn.text) for turn in turns]


def recordings_in(folder: Path, direction: str | None = None) -> list[Recording]:
    """Those of one direction, or all except those that change their language.

    For `transcribe` they are all except calls, with the words as they were spoken.
    """
    found = _read(folder)
    if direction == "transcribe":
        return [
            replace(one, direction=direction, reference=one.said or one.reference) for one in found if not one.is_call
        ]
    return [one for one in found if one.direction == direction or (direction is None and one.direction != "transcribe")]


def one_recording(direction: str) -> Recording:
    return recordings_in(RECORDINGS, direction)[0]


def repeated(direction: str, seconds: float) -> np.ndarray:
    """A direction's recordings, 2 s of silence after each, repeated; faint noise makes each repetition different."""
    paths = [recording.path for recording in recordings_in(RECORDINGS, direction)]
    sound = np.concatenate([part for path in paths for part in (load_audio(path), np.zeros(2 * 16000, np.float32))])
    noise = np.random.default_rng(0).normal(0, 1e-4, round(seconds * 16000)).astype(np.float32)
    return np.resize(sound, len(noise)) + noise


def example(stem: str) -> Recording:
    """One of those that the page offers."""
    return next(recording for recording in _read(EXAMPLES) if recording.path.stem == stem)


def _read(folder: Path) -> list[Recording]:
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    return [Recording(folder / name, **entry) for name, entry in references.items()]


MICROPHONE_SILENCE = 1.0
"""Seconds before the recording that the fake microphone plays: a busy browser loses the first moments."""


def microphone_recording() -> Recording:
    """What the fake microphone plays: one that comes through the browser's noise suppression."""
    return next(recording for recording in recordings_in(RECORDINGS) if recording.path.stem == "pt_3")
