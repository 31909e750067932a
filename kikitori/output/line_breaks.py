"""Where a line of text may break, what a break costs there, and how wide text is on the screen.

Three libraries know the scripts. uniseg says where a line may end at all (Unicode's line breaking algorithm, UAX #14).
budoux finds phrases in Japanese and Chinese, and words in Thai, for which UAX #14 wants a dictionary. regex finds the
characters as readers see them (UAX #29), and Unicode's properties of characters. The penalties are our own.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import accumulate, pairwise

import budoux
import regex
from uniseg.linebreak import line_break_boundaries

# Penalties of a break: at the end of a sentence, at the end of a clause, between words or phrases, elsewhere in a
# phrase that is wider than a line, and inside a word that is. One subtitle more costs 1.
SENTENCE, CLAUSE, WORD, ELSEWHERE, INSIDE = 0.0, 0.5, 1.5, 3.0, 10.0

_PARSERS = {
    "Japanese": budoux.load_default_japanese_parser,
    "Chinese": budoux.load_default_simplified_chinese_parser,
    "Cantonese": budoux.load_default_traditional_chinese_parser,
    "Thai": budoux.load_default_thai_parser,
}

# A character as readers see it. Flags come first: among many of them \X takes the square of their number.
_CLUSTER = regex.compile(r"\p{RI}{2}[\p{M}\u200d]*|\X")
_VISIBLE = regex.compile(r"\p{RI}{2}[\p{M}\u200d]*|\X(?<![\s\x1c-\x1f])")

# A mark, and what may stand between it and a break: white space, quotes and closing brackets.
_AFTER = r"[\s\p{Pe}\p{Pf}\"']*"
_SENTENCE_END = regex.compile(r"[\p{Sentence_Terminal}…]" + _AFTER)
_CLAUSE_END = regex.compile(r"\p{Terminal_Punctuation}" + _AFTER)
_TITLE = regex.compile(r"(?<!\S)(?:Mr|Mrs|Ms|Dr|St|Prof|Sr|Sra|Srta|Dra|Profa|D)\.\s+")

# All white space but that which joins the words on its sides.
_SPACE = re.compile("[^\\S\u00a0\u2007\u202f]")

# Where UAX #14 always allows a break, whatever stands around it: between two characters of scripts without spaces or
# two Hangul syllables, and between a space after a word and the next word.
_SYLLABLE = r"[\p{lb=ID}\p{lb=H2}\p{lb=H3}]"
_NEXT_WORD = r"(?<=[\p{L}\p{N}.,;:!?]\p{M}{0,2} )(?=\w)"
_SURE_BREAK = regex.compile(f"(?<={_SYLLABLE})(?={_SYLLABLE})|{_NEXT_WORD}")
# And stretches inside which it never allows one: a word, number or syllable, and marks after it.
_UNBROKEN = regex.compile(
    rf"(?:[\p{{lb=AL}}\p{{lb=HL}}\p{{lb=NU}}]+|{_SYLLABLE}?)[\p{{lb=CL}}\p{{lb=EX}}\p{{lb=IS}}]* *"
)
# Words of natural language are shorter; only such a stretch takes uniseg longer than a moment.
_LONGEST_WORD = 1000

# A number before a character without spaces, which says what it counts.
_NUMBER = regex.compile(r"\p{Nd}(?=\p{lb=ID})")
# Thai words begin with a consonant or a vowel that is written before it, and never end with such a vowel.
_THAI_BORDER = regex.compile(r"(?<=[\u0e01-\u0e3a\u0e45-\u0e4e])(?=[\u0e01-\u0e2e\u0e40-\u0e44])")


class Ruler:
    """Measures stretches of one text.

    starts: the places at which a character begins as readers see it, a grapheme cluster, and no white space.
    """

    def __init__(self, text: str):
        self.starts = {found.start() for found in _VISIBLE.finditer(text)}
        widths: list[int] = []
        for cluster in _CLUSTER.findall(text):
            widths += [_cluster_columns(cluster), *[0] * (len(cluster) - 1)]
        self._columns_before = list(accumulate(widths, initial=0))
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


def columns_of(text: str) -> int:
    """Return the width of a text in half-width columns. Each grapheme cluster takes 2, 1, or 0 if it is invisible."""
    return sum(map(_cluster_columns, _CLUSTER.findall(text)))


def _cluster_columns(cluster: str) -> int:
    return _columns(cluster) if len(cluster) == 1 else max(map(_columns, cluster))


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def find_breaks(text: str, language: str, word_ends: set[int] | None, ruler: Ruler, columns: int) -> dict[int, float]:
    """Return the penalty of each place at which the text may break, in order, with 0 and len(text).

    Args:
        text: not empty.
        language: English name of its language; "" if it is not known.
        word_ends: places between words, if they are known. Text without spaces then breaks there and after marks only.
        ruler: of the text.
        columns: the widest line. Only what does not fit into it may break inside a phrase, or else inside a word.
    """
    allowed = _allowed_places(text)
    borders = _phrase_borders(text, language)
    if language == "Thai":
        allowed |= borders & {found.start() for found in _THAI_BORDER.finditer(text)}
    marks = _marked_places(text)
    if word_ends is not None:
        allowed = {place for place in allowed if place in word_ends or place in marks or text[place - 1].isspace()}
    allowed &= ruler.starts
    penalties = dict.fromkeys((0, len(text)), 0.0)
    for place in allowed:
        if place in marks:
            penalties[place] = marks[place]
        elif text[place - 1].isspace():
            penalties[place] = CLAUSE if language == "Thai" else WORD  # Thai has a space between phrases, not words
        elif place in borders:
            penalties[place] = WORD
    penalties = _divided(penalties, allowed, ELSEWHERE, ruler, columns)
    return _divided(penalties, ruler.starts, INSIDE, ruler, columns)


def _divided(
    penalties: dict[int, float], places: set[int], penalty: float, ruler: Ruler, columns: int
) -> dict[int, float]:
    """Return the penalties, in order, with one at each of the places inside what is wider than a line."""
    more = {}
    for left, right in pairwise(sorted(penalties)):
        if ruler.width(left, right) > columns:
            more |= {place: penalty for place in range(left + 1, right) if place in places}
    return dict(sorted((more | penalties).items()))


def _phrase_borders(text: str, language: str) -> set[int]:
    """Return the places between the phrases of a language that budoux knows; in Thai, between words."""
    if language not in _PARSERS:
        return set()
    return set(accumulate(map(len, _parser(language).parse(text))))


@cache
def _parser(language: str) -> budoux.Parser:
    return _PARSERS[language]()


def _allowed_places(text: str) -> set[int]:
    """Return the places at which UAX #14 allows a break, but for those between a number and what it counts."""
    text = _SPACE.sub(" ", text)
    sure = (found.start() for found in _SURE_BREAK.finditer(text))
    stretches = pairwise([0, *sure, len(text)])
    allowed = {start + place for start, end in stretches for place in _places_within(text[start:end])}
    return allowed - {found.end() for found in _NUMBER.finditer(text)}


def _places_within(stretch: str) -> tuple[int, ...]:
    if len(stretch) > _LONGEST_WORD or _UNBROKEN.fullmatch(stretch):
        return (len(stretch),)
    return _uniseg_places(stretch)


@lru_cache(maxsize=16384)
def _uniseg_places(stretch: str) -> tuple[int, ...]:
    return tuple(line_break_boundaries(stretch))


def _marked_places(text: str) -> dict[int, float]:
    """Return the penalties of the places at which a sentence or clause ends, and of those between title and name."""
    penalties = {}
    for ends, penalty in ((_CLAUSE_END, CLAUSE), (_SENTENCE_END, SENTENCE)):
        for found in ends.finditer(text):
            penalties |= dict.fromkeys(range(found.start() + 1, found.end() + 1), penalty)
    return penalties | {found.end(): ELSEWHERE for found in _TITLE.finditer(text)}
