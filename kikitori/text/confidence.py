"""Where the model was unsure: from character ranges of its raw text to ranges of each turn's text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

import regex

from kikitori.languages import UNSPACED
from kikitori.text.tags import TOKEN
from kikitori.transcript import Turn

# A token below this probability is less likely than all other tokens together.
LOW_CONFIDENCE_PROBABILITY = 0.5

_WORD = regex.compile(r"\S+")
# As readers see it: with its marks. Flags come first: among many of them \X takes the square of their number.
_CHARACTER = regex.compile(r"\p{RI}{2}[\p{M}\u200d]*|(?=\S)\X")


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
        marked.append(replace(turn, low_confidence=letter_ranges(turn.text, flags)))
    return tuple(marked)


def unsure_share(turns: Iterable[Turn], language: str) -> float:
    """Return the share, 0 to 1, of words that the model was unsure of; of characters in languages without spaces.

    language: of the turns that have none of their own; English name.
    """
    flags = []
    for turn in turns:
        unit = _CHARACTER if (turn.language or language) in UNSPACED else _WORD
        is_unsure = to_flags(turn.low_confidence, len(turn.text))
        flags += [any(is_unsure[slice(*found.span())]) for found in unit.finditer(turn.text)]
    return sum(flags) / max(1, len(flags))


def to_flags(ranges: Iterable[tuple[int, int]], length: int) -> list[bool]:
    """Return whether each of `length` characters is in one of the ranges, (start, end) each."""
    flags = [False] * length
    for start, end in ranges:
        flags[start:end] = [True] * (end - start)
    return flags


def letter_ranges(text: str, flags: Iterator[bool]) -> tuple[tuple[int, int], ...]:
    """Return the (start, end) of every run of flagged characters.

    flags: one per character that is not white space. White space is never flagged: joining texts can add and remove it.
    """
    ranges = []
    place = 0
    for flag, run in groupby(False if letter.isspace() else next(flags) for letter in text):
        end = place + len(list(run))
        if flag:
            ranges.append((place, end))
        place = end
    return tuple(ranges)


def _letter_flags(raw_text: str, low_confidence: Iterable[tuple[int, int]]) -> Iterator[bool]:
    """Yield whether the model was unsure of a letter, for each letter of raw_text outside tokens and white space."""
    is_unsure = to_flags(low_confidence, len(raw_text))
    is_token = to_flags((token.span() for token in TOKEN.finditer(raw_text)), len(raw_text))
    for place, letter in enumerate(raw_text):
        if not (is_token[place] or letter.isspace()):
            yield is_unsure[place]
