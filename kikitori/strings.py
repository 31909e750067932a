"""Names, durations and times as people read them, and joining of texts."""

from __future__ import annotations

import math
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import regex

# Characters of scripts without spaces between words, with their punctuation and full-width forms. What Latin or Korean
# texts have too is left out.
_UNSPACED = regex.compile(
    r"(?V1)[\p{EA=F}[[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]"
    r"--[\p{scx=Latin}\p{Hangul}]]]"
)


def join_texts(texts: Iterable[str]) -> str:
    """Join texts with a space between two of them, or with none if either side is in a script without spaces."""
    joined = ""
    for text in filter(None, map(str.strip, texts)):
        seam = joined[-1:] + text[0]
        joined += text if not joined or _UNSPACED.search(seam) else " " + text
    return joined


def display_name(path: str | os.PathLike[str]) -> str:
    """Return a file's name without its folder, as `displayed` returns it."""
    return displayed(Path(path).name or str(Path(path)))


def displayed(text: str) -> str:
    """Replace by U+FFFD what would disturb a line on a terminal or page.

    That is: line breaks, control characters, characters that UTF-8 can't hold, and those that change the direction of
    writing.
    """
    return "".join("\N{REPLACEMENT CHARACTER}" if _disturbs(character) else character for character in text)


def _disturbs(character: str) -> bool:
    reorders = unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return reorders or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def is_right_to_left(text: str) -> bool:
    """Whether the first character of a text that has a direction is one of a script from right to left."""
    directions = filter(("L", "R", "AL").__contains__, map(unicodedata.bidirectional, text))
    return next(directions, "L") != "L"


def format_duration(seconds: float) -> str:
    """Write a duration (finite, >= 0) in at most two units: 0.05 s, 31 s, 2 min 5 s, 2 h 10 min.

    Rounded down, as on a clock: 59.9 s is 59 s, not 60 s or 1 min.
    """
    if seconds < 10:
        # The inner rounding undoes binary fractions: 0.29 * 100 is 28.999999999999996.
        return f"{math.floor(round(seconds * 100, 6)) / 100:g} s"
    whole = int(seconds)
    units = (("h", whole // 3600), ("min", whole // 60 % 60), ("s", whole % 60))
    shown = units[:2] if whole >= 3600 else units[1:]
    return " ".join(f"{count} {unit}" for unit, count in shown if count)


class Duration(float):
    """Seconds in an error's sentence. Python writes them as `format_duration` does; the page in the visitor's way."""

    def __str__(self) -> str:
        return format_duration(self)


class Level(float):
    """Decibels below full scale (dBFS) in an error's sentence; minus infinity is digital silence."""

    def __str__(self) -> str:
        return "digital zero" if math.isinf(self) else f"{float(self):.1f} dBFS"


def format_time(seconds: float) -> str:
    """Write a time in a recording as a clock shows it: 0:05, 12:30, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
