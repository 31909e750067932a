"""One clip's text while it is decoded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kikitori.result import DecodingResult
from kikitori.text.confidence import LOW_CONFIDENCE_PROBABILITY

if TYPE_CHECKING:
    from kikitori.model.recognizer import Recognizer

LOOP_EVERY_TOKENS = 64  # tokens between two searches for a loop


@dataclass
class Row:
    """One clip's text while it is decoded.

    budget: the most tokens. is_loop: stops a text that repeats itself. ended_by: that of a DecodingResult; empty while
    the text grows. given: how many of its first tokens were not decoded, but given.
    """

    budget: int
    is_loop: Callable[[str], bool]
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    ended_by: str = ""
    given: int = 0
    complete: DecodingResult | None = None  # kept, so that low-confidence spans are computed once

    @property
    def given_ids(self) -> list[int]:
        """The tokens that were given."""
        return self.ids[: self.given]

    def add(self, token: int, log_probability: float, recognizer: Recognizer) -> None:
        """Append a token, unless the text has ended, and find out whether the text ends with it."""
        if self.ended_by:
            return
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        if token in recognizer.end_ids:
            self.ended_by = "end"
        elif len(self.ids) >= self.budget:
            self.ended_by = "budget"
        elif len(self.ids) % LOOP_EVERY_TOKENS == 0 and self.is_loop(recognizer.text(self.ids)):
            self.ended_by = "loop"

    def cancel(self) -> None:
        """End the text, unless it has ended: nobody waits for it."""
        self.ended_by = self.ended_by or "cancelled"

    def again(self) -> Row:
        """Return the row as it was at first."""
        return Row(self.budget, self.is_loop, self.given_ids, self.log_probabilities[: self.given], given=self.given)

    def so_far(self) -> Row:
        """Return what can be read while another thread adds tokens: the row itself if its text has ended, or a copy."""
        if self.ended_by:
            return self
        count = len(self.log_probabilities)  # a token's id comes before its probability
        return replace(self, ids=self.ids[:count], log_probabilities=self.log_probabilities[:count], ended_by="")

    def result(self, recognizer: Recognizer) -> DecodingResult:
        """Return the text so far. Low-confidence spans are computed when it has ended."""
        if self.complete:
            return self.complete
        words = self.ids[:-1] if self.ended_by == "end" else self.ids
        result = DecodingResult(
            recognizer.text(words),
            self.ended_by or "cancelled",
            tuple(self.ids),
            tuple(self.log_probabilities),
            tuple(self._low_confidence(recognizer, words)) if self.ended_by else (),
        )
        self.complete = result if self.ended_by else None
        return result

    def _low_confidence(self, recognizer: Recognizer, words: list[int]) -> Iterator[tuple[int, int]]:
        """Yield the spans of low-confidence tokens, (start, end) in characters of the text."""
        for place, log_probability in enumerate(self.log_probabilities[: len(words)]):
            if log_probability < math.log(LOW_CONFIDENCE_PROBABILITY):
                # A character may consist of several tokens; after the first of them the text ends with U+FFFD.
                start = len(recognizer.text(words[:place]).rstrip("\ufffd"))
                end = len(recognizer.text(words[: place + 1]))
                if start < end:
                    yield start, end
