"""Where a model was unsure: stretches of what it wrote -> stretches of the turns' texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

from kikitori.text.tags import TOKEN
from kikitori.transcript import Turn

LOW_CONFIDENCE_PROBABILITY = 0.5
"""Of a token below it: all others together were likelier."""


def mark_low_confidence(
    turns: Iterable[Turn], raw_text: str, low_confidence: Iterable[tuple[int, int]]
) -> tuple[Turn, ...]:
    """The turns with `low_confidence`.

    turns: parsed from raw_text: the same characters in the same order, but for tags, control tokens and white space.
    low_confidence: (start, end) of characters in raw_text.
    """
    doubted = {place for start, end in low_confidence for place in range(start, end)}
    if not doubted:
        return tuple(turns)
    tokens = {place for token in TOKEN.finditer(raw_text) for place in range(*token.span())}
    flags = iter(
        [place in doubted for place, letter in enumerate(raw_text) if not letter.isspace() and place not in tokens]
    )
    return tuple(
        replace(turn, low_confidence=_stretches([not letter.isspace() and next(flags) for letter in turn.text]))
        for turn in turns
    )


def _stretches(flags: list[bool]) -> tuple[tuple[int, int], ...]:
    """Where the flags are set: (start, end) each."""
    runs = [[place for place, _ in run] for flag, run in groupby(enumerate(flags), key=lambda entry: entry[1]) if flag]
    return tuple((run[0], run[-1] + 1) for run in runs)
