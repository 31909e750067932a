"""A server's answer as it grows -> a DecodingResult, as the local engine makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from kikitori.model.row import LOOP_EVERY_TOKENS
from kikitori.result import DecodingResult
from kikitori.text.confidence import LOW_CONFIDENCE_PROBABILITY
from kikitori.text.faults import has_loop

ENDINGS = {"stop": "end", "length": "budget"}
"""A server's finish reason -> `ended_by`."""


@dataclass
class Answer:
    """One clip's text while it is decoded. text: all that was sent, white space at its start included."""

    text: str = ""
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    ended_by: str = ""
    _spans: list[tuple[int, int]] = field(default_factory=list)
    _unshown: int = 0  # tokens of low confidence that have not completed a character yet

    def add(self, event: dict) -> None:
        """Take an event of the stream, and find out whether the text ends with it."""
        for choice in event.get("choices", ()):
            tokens = (choice.get("logprobs") or {}).get("content") or []
            ids = choice.get("token_ids") or []
            before = len(self.ids) // LOOP_EVERY_TOKENS
            self.ids += ids
            self.log_probabilities += [token["logprob"] for token in tokens]
            self._add_text(choice.get("delta", {}).get("content") or "", tokens)
            self.ended_by = ENDINGS.get(choice.get("finish_reason") or "", "")
            if not self.ended_by and len(self.ids) // LOOP_EVERY_TOKENS > before and has_loop(self.text):
                self.ended_by = "loop"

    def result(self) -> DecodingResult:
        """Return the text so far. Low-confidence spans are given when it has ended."""
        text = self.text.strip()
        shift = len(self.text) - len(self.text.lstrip())
        spans = ((max(start - shift, 0), min(end - shift, len(text))) for start, end in self._spans)
        low_confidence = tuple(span for span in spans if span[0] < span[1]) if self.ended_by else ()
        ids, probabilities = tuple(self.ids), tuple(self.log_probabilities)
        return DecodingResult(text, self.ended_by or "cancelled", ids, probabilities, low_confidence)

    def _add_text(self, text: str, tokens: list[dict]) -> None:
        """Append what was sent, and the spans of its tokens of low confidence.

        A character of several tokens is sent with its last one. Where a piece of several tokens can't be divided among
        them, a token of low confidence marks all of it.
        """
        names = [token["token"] for token in tokens]
        is_divided = "".join(names) == text
        place, end = len(self.text), len(self.text) + len(text)
        self.text += text
        for token, name in zip(tokens, names, strict=True):
            stop = place + len(name) if is_divided else end
            is_low = token["logprob"] < math.log(LOW_CONFIDENCE_PROBABILITY)
            if not text:
                self._unshown += is_low
                continue
            self._spans += [(place, place + 1)] * self._unshown
            self._unshown = 0
            if is_low:
                self._spans.append((place, stop))
            place = stop if is_divided else place
