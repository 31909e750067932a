"""Where a line of text may break, what a break costs there, and how wide text is on the screen.

Text without spaces follows the rules of Japanese typesetting: no line begins with small kana, a closing or middle mark,
or a mark that lengthens or repeats, and none ends with an opening mark.
"""

from __future__ import annotations

import unicodedata
from itertools import accumulate, pairwise

# Penalties of a break: at the end of a sentence, at the end of a clause, between words, elsewhere in text without
# spaces, and inside a word that is longer than a line. One subtitle more costs 1.
SENTENCE, CLAUSE, WORD, ELSEWHERE, INSIDE = 0.0, 0.5, 1.5, 3.0, 10.0

_SENTENCE_ENDS = frozenset(".!?…。．！？｡")
_CLAUSE_ENDS = frozenset(",;:，、；：､")
_TITLES = frozenset(("Mr.", "Mrs.", "Ms.", "Dr.", "St.", "Prof.", "Sr.", "Sra.", "Srta.", "Dra.", "Profa.", "D."))

# Unicode categories: closing and opening punctuation, and what no line begins with.
_CLOSING = {"Pe", "Pf"}
_OPENING = {"Ps", "Pi"}
_NEVER_FIRST = {"Pe", "Pf", "Po", "Pd", "Lm", "Sk"}

_SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ～ｧｨｩｪｫｬｭｮｯ")

# How many characters before a break are searched for a mark or a title.
_LOOK_BACK = 9


class Ruler:
    """Measures stretches of one text."""

    def __init__(self, text: str):
        self._columns_before = list(accumulate(map(columns_of, text), initial=0))
        # For each place in the text: the end of the last character before it that is not white space.
        self._ends = [0]
        for place, character in enumerate(text):
            self._ends.append(self._ends[-1] if character.isspace() else place + 1)

    def end(self, place: int) -> int:
        """Return where the white space before a place begins."""
        return self._ends[place]

    def before(self, place: int) -> int:
        """Return the half-width columns of the text before a place."""
        return self._columns_before[place]

    def width(self, start: int, end: int) -> int:
        """Return the half-width columns of text[start:end], without the white space at its end."""
        return self._columns_before[self.end(end)] - self._columns_before[start]


def columns_of(character: str) -> int:
    """Return the width of a character: 2 half-width columns, 1, or 0 for one that combines with another."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def find_breaks(text: str, word_ends: set[int] | None, ruler: Ruler, columns: int) -> dict[int, float]:
    """Return the penalty of each place at which the text may break, in order, with 0 and len(text).

    Args:
        text: not empty.
        word_ends: places between words, if they are known; None to allow breaks between any two characters of a text
            without spaces.
        ruler: of the text.
        columns: the widest line. Only what does not fit into it may break inside a word.
    """
    penalties = {0: 0.0}
    for place in range(1, len(text)):
        penalty = _penalty(text, place, word_ends is None or place in word_ends)
        if penalty is not None:
            penalties[place] = penalty
    penalties[len(text)] = 0.0
    inside = {}
    for left, right in pairwise(penalties):
        if ruler.width(left, right) > columns:
            for place in range(left + 1, right):
                if not _is_joined(text[place - 1], text[place]):
                    inside[place] = INSIDE
    return dict(sorted((penalties | inside).items()))


def _penalty(text: str, place: int, is_between_words: bool) -> float | None:
    """Return the penalty of a break before text[place]; None if there must be none."""
    before, after = text[place - 1], text[place]
    if _is_joined(before, after) or not (before.isspace() or _may_break_unspaced(before, after)):
        return None
    mark = _last_mark(text, place)
    if mark == "." and text[max(place - _LOOK_BACK, 0) : place].split()[-1] in _TITLES:
        return ELSEWHERE
    if mark in _SENTENCE_ENDS:
        return SENTENCE
    if mark in _CLAUSE_ENDS:
        return CLAUSE
    if before.isspace():
        return WORD
    if not is_between_words:
        return None
    # A Japanese phrase ends in hiragana; the next one begins with another script, or after the particle を.
    ends_phrase = before == "を" or (_is_hiragana(before) and not _is_hiragana(after))
    return WORD if ends_phrase else ELSEWHERE


def _may_break_unspaced(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a space, by the rules of Japanese typesetting."""
    if not (_is_unspaced(before) or _is_unspaced(after)) or unicodedata.category(before) in _OPENING:
        return False
    is_prefix = before in "おご" and not _is_hiragana(after)
    is_never_first = unicodedata.category(after) in _NEVER_FIRST or after in _SMALL_KANA
    return not (before.isdigit() or is_prefix or is_never_first)


def _last_mark(text: str, place: int) -> str:
    """Return the last character before text[place] that is not a space, closing bracket or quote; "" if it is far."""
    for character in reversed(text[max(place - _LOOK_BACK, 0) : place]):
        if not (character.isspace() or character in "\"'" or unicodedata.category(character) in _CLOSING):
            return character
    return ""


def _is_joined(before: str, after: str) -> bool:
    """Whether two characters never part: the second changes the look of the first, or is a space."""
    changes = unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= after <= "\U0001f3ff"
    return changes or before == "\u200d" or after.isspace()


def _is_unspaced(character: str) -> bool:
    """Whether it belongs to a script without spaces: kana, kanji and other characters of their width."""
    return unicodedata.east_asian_width(character) in "FWH"


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"
