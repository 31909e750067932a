"""What decoding gives for one window."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

Step = TypeVar("Step")


@dataclass(frozen=True)
class Decoded:
    """What the model wrote for one clip, and why it stopped."""

    text: str
    """With its tags and control tokens, without the one that ends it."""
    ended_by: str
    """`end` by itself, `budget` of tokens spent, `loop` stopped, or `cancelled` by the caller, at work until then."""
    ids: tuple[int, ...] = ()
    """The tokens, the one that ends the text included."""
    log_probabilities: tuple[float, ...] = ()
    """Of each token, natural logarithm."""
    doubts: tuple[tuple[int, int], ...] = ()
    """Stretches of the text, (start, end) in characters, whose tokens were less likely than `DOUBTFUL_PROBABILITY`."""


def finished(steps: Iterable[Step]) -> Step:
    """The last of some steps, of which there is at least one: what has grown is whole then."""
    *_, last = steps
    return last
