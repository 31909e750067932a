"""What a live session reports."""

from __future__ import annotations

from dataclasses import dataclass

from kikitori.strings import join_texts
from kikitori.transcript import TranscriptWarning, Turn


@dataclass(frozen=True)
class Words:
    """The text of the open stretch after a pass.

    stretch: its number, from 0 on. start_seconds: of its first word in all sound so far. heard_seconds: how much sound
    the pass knew. firm: what never changes; each later text of the stretch begins with it. tentative: what follows,
    and may change.
    """

    stretch: int
    start_seconds: float
    heard_seconds: float
    firm: str
    tentative: str


@dataclass(frozen=True)
class Closed:
    """A stretch that has ended. Its text never changes.

    turns: with the times of the stretch. Speakers are numbered anew in each stretch, and their labels end with a
    question mark. warnings: what the usual checks of a window found.
    """

    stretch: int
    start_seconds: float
    end_seconds: float
    heard_seconds: float
    turns: tuple[Turn, ...]
    warnings: tuple[TranscriptWarning, ...]

    @property
    def text(self) -> str:
        """The text of all turns, without labels."""
        return join_texts(turn.text for turn in self.turns)


Event = Words | Closed
