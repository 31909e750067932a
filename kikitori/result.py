"""What decoding gives for one window."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from kikitori.transcript import Turn

Step = TypeVar("Step")


@dataclass(frozen=True)
class DecodingResult:
    """What the model wrote for one clip, and why it stopped."""

    text: str
    """With its tags and control tokens, without the one that ends it."""
    ended_by: str
    """`end` by itself, `budget` of tokens spent, `loop` stopped, or `cancelled` by the caller, at work until then."""
    ids: tuple[int, ...] = ()
    """The tokens, the one that ends the text included."""
    log_probabilities: tuple[float, ...] = ()
    """Of each token, natural logarithm."""
    low_confidence: tuple[tuple[int, int], ...] = ()
    """Stretches of the text, (start, end) in characters, of tokens below `LOW_CONFIDENCE_PROBABILITY`."""


def last(steps: Iterable[Step]) -> Step:
    """The last of some steps, of which there is at least one: what has grown is whole then."""
    *_, last = steps
    return last


@dataclass(frozen=True)
class Alignment:
    """Turns with times from the start of the window, and how many words' times had to be mended."""

    turns: tuple[Turn, ...]
    mended: int
