"""The repository's recordings and the texts that they should become."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.served import ROOT
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
    """All of a folder, or those of one direction."""
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    found = [Recording(folder / name, **entry) for name, entry in references.items()]
    if direction == "transcribe":  # what was said in the others, except in calls
        return [
            Recording(one.path, direction, one.said or one.reference) for one in found if one.direction != "diarize"
        ]
    return [recording for recording in found if direction in (None, recording.direction)]


def one_recording(direction: str) -> Recording:
    return recordings_in(RECORDINGS, direction)[0]


def example(stem: str) -> Recording:
    """One of those that the page offers."""
    return next(recording for recording in recordings_in(EXAMPLES) if recording.path.stem == stem)


def microphone_recording() -> Recording:
    """What the fake microphone plays: one that comes through the browser's noise suppression."""
    return next(recording for recording in recordings_in(RECORDINGS) if recording.path.stem == "pt_3")
