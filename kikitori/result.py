"""What an engine returns for one window: the decoded text, or the times of its words."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from kikitori.transcript import Turn

Item = TypeVar("Item")

NO_SPEECH = "None"
"""What the model calls the language of a clip in which it hears no speech."""


@dataclass(frozen=True)
class DecodingResult:
    """What the model wrote for one clip, and why it stopped.

    text: with tags and control tokens, without the token that ends it.
    ended_by: `end` by itself; `budget` when all its tokens were used; `loop` when it repeated itself; `cancelled` while
        it is unfinished, and for good when the caller closed the stream.
    ids: the tokens, the one that ends the text included.
    log_probabilities: of each token, natural logarithm.
    low_confidence: spans of the text, (start, end) in characters, of tokens below `LOW_CONFIDENCE_PROBABILITY`.
    language: English name of the language that the model detected, NO_SPEECH where it heard none, and empty if it was
        told the language (`split_language` takes it from the text).
    """

    text: str
    ended_by: Literal["end", "budget", "loop", "cancelled"]
    ids: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    low_confidence: tuple[tuple[int, int], ...] = ()
    language: str = ""

    @property
    def raw_text(self) -> str:
        """What the model wrote, with the language that it detected."""
        return f"language {self.language}<asr_text>{self.text}" if self.language else self.text

    @property
    def named_language(self) -> str:
        """The detected language; empty if there is none."""
        return "" if self.language == NO_SPEECH else self.language


@dataclass(frozen=True)
class Alignment:
    """Turns with times from the start of the window.

    repaired: how many words' times were zero-length, backward or outside the window and had to be changed.
    """

    turns: tuple[Turn, ...]
    repaired: int


def last(items: Iterable[Item]) -> Item:
    """Return the last item of a non-empty iterable, keeping no earlier one."""
    (item,) = deque(items, maxlen=1)
    return item
