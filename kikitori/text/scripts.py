"""Whether a text is written in a script that its language does not use: a sign that the recording is in another one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

JAPANESE = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "CJK", "IDEOGRAPHIC", "HALFWIDTH", "FULLWIDTH"})
LATIN = frozenset({"LATIN"})
SCRIPTS = {"Japanese": JAPANESE | LATIN, "English": LATIN, "Portuguese": LATIN}
"""Language -> the scripts of its words, as they begin Unicode's names of letters."""
UNSPACED = JAPANESE | {"THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "HANGUL"}
"""Scripts in which words follow each other without a space; in Korean, particles follow words so."""

MIN_FOREIGN_LETTERS = 2
"""One letter may be a symbol, such as µ or π."""
MIN_LATIN_WORDS = 6
"""So many Latin words in a row are a sentence; names, as in `Bank of New York`, are shorter."""

_LATIN_SENTENCE = re.compile(rf"(?:[A-Za-zÀ-ÿ'’]+[ ,;:-]+){{{MIN_LATIN_WORDS - 1},}}[A-Za-zÀ-ÿ]")
_LATIN_WORDS = re.compile(r"[A-Za-zÀ-ÿ]{2,}[^A-Za-zÀ-ÿ]+[A-Za-zÀ-ÿ]{2,}")


def has_other_script(text: str, language: str) -> bool:
    """Whether a text can hardly be in this language, by its letters alone. False for a language not in SCRIPTS.

    A word of another script has MIN_FOREIGN_LETTERS or more. Japanese has Latin names and abbreviations too; there it
    takes a sentence of Latin words, or a text of several Latin words and nothing else.
    """
    if language not in SCRIPTS:
        return False
    scripts = [_script(character) for character in text]
    if any(in_a_row >= MIN_FOREIGN_LETTERS for in_a_row in _foreign_runs(scripts, SCRIPTS[language])):
        return True
    if language != "Japanese":
        return False
    has_no_japanese = not JAPANESE.intersection(scripts)
    return bool(_LATIN_SENTENCE.search(text) or (has_no_japanese and _LATIN_WORDS.search(text)))


def splits_word(text: str, place: int) -> bool:
    """Whether the characters before and after a place belong to one word. Never so in an UNSPACED script."""
    return 0 < place < len(text) and _is_in_word(text[place - 1]) and _is_in_word(text[place])


@lru_cache(maxsize=4096)
def _is_in_word(character: str) -> bool:
    is_mark = unicodedata.category(character).startswith("M")  # such as a vowel of Devanagari
    return (character.isalnum() or is_mark) and unicodedata.name(character, "").partition(" ")[0] not in UNSPACED


def _foreign_runs(scripts: Iterable[str | None], own: frozenset[str]) -> Iterator[int]:
    """Yield how many letters of other scripts follow each other, for each such run."""
    for is_foreign, run in groupby(scripts, lambda script: script is not None and script not in own):
        if is_foreign:
            yield len(list(run))


@lru_cache(maxsize=4096)
def _script(character: str) -> str | None:
    """The first word of a letter's Unicode name, which is its script; None for all that is not a letter."""
    return unicodedata.name(character, "UNKNOWN").partition(" ")[0] if character.isalpha() else None
