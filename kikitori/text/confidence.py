"""Where the model was unsure: from character ranges of its raw text to ranges of each turn's text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from kikitori.text.tags import TOKEN
from kikitori.transcript import Turn

# A token below this probability is less likely than all other tokens together.
LOW_CONFIDENCE_PROBABILITY = 0.5


def mark_low_confidence(
    turns: Iterable[Turn], raw_text: str, low_confidence: Iterable[tuple[int, int]]
) -> tuple[Turn, ...]:
    """Return the turns with their `low_confidence` filled in.

    Args:
        turns: parsed from raw_text. They have its characters in its order, except tags, control tokens and white space.
        raw_text: what the model wrote.
        low_confidence: (start, end) of characters in raw_text.
    """
    flags = _letter_flags(raw_text, low_confidence)
    marked = []
    for turn in turns:
        # White space is never marked, and has no flag in raw_text: joining texts can add and remove it.
        turn_flags = [False if letter.isspace() else next(flags) for letter in turn.text]
        marked.append(replace(turn, low_confidence=_ranges(turn_flags)))
    return tuple(marked)


def _letter_flags(raw_text: str, low_confidence: Iterable[tuple[int, int]]) -> Iterator[bool]:
    """Yield whether the model was unsure of a letter, for each letter of raw_text outside tokens and white space."""
    is_unsure = [False] * len(raw_text)
    for start, end in low_confidence:
        is_unsure[start:end] = [True] * (end - start)
    is_token = [False] * len(raw_text)
    for token in TOKEN.finditer(raw_text):
        start, end = token.span()
        is_token[start:end] = [True] * (end - start)
    for place, letter in enumerate(raw_text):
        if not (is_token[place] or letter.isspace()):
            yield is_unsure[place]


def _ranges(flags: list[bool]) -> tuple[tuple[int, int], ...]:
    """Return the (start, end) of every run of True."""
    ranges = []
    place = 0
    for flag, run in groupby(flags):
        end = place + len(list(run))
        if flag:
            ranges.append((place, end))
        place = end
    return tuple(ranges)
