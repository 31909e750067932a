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

# Penalties of a break: at the end of a sentence, at the end of a clause, between words, elsewhere in text without
# spaces, and inside a word that is longer than a line. One subtitle more costs 1.
SENTENCE, CLAUSE, WORD, ELSEWHERE, INSIDE = 0.0, 0.5, 1.5, 3.0, 10.0

_PARSERS = {
    "Japanese": budoux.load_default_japanese_parser,
    "Chinese": budoux.load_default_simplified_chinese_parser,
    "Cantonese": budoux.load_default_traditional_chinese_parser,
    "Thai": budoux.load_default_thai_parser,
}

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
_SURE_BREAK = regex.compile(rf"(?<={_SYLLABLE})(?={_SYLLABLE})|(?<=[\w.,;:!?] )(?=\w)")
# And stretches inside which it never allows one: a word or a syllable, and marks after it.
_UNBROKEN = regex.compile(rf"(?:[\p{{lb=AL}}\p{{lb=HL}}]+|{_SYLLABLE}?)[\p{{lb=CL}}\p{{lb=EX}}\p{{lb=IS}}]* *")
# Words of natural language are shorter; only such a stretch takes uniseg longer than a moment.
_LONGEST_WORD = 1000

# Where UAX #14 allows a break and readers expect none: inside a Korean word, and between a number and what it counts.
_KEPT_TOGETHER = regex.compile(r"\p{Hangul}{2}|\p{Nd}\p{lb=ID}")
# Thai words begin with a consonant or a vowel that is written before it, and never end with such a vowel.
_THAI_BORDER = regex.compile(r"(?<=[\u0e01-\u0e3a\u0e45-\u0e4e])(?=[\u0e01-\u0e2e\u0e40-\u0e44])")


class Ruler:
    """Measures stretches of one text.

    starts: the places at which a character begins as readers see it, a grapheme cluster.
    """

    def __init__(self, text: str):
        clusters = regex.findall(r"\X", text)
        self.starts = set(accumulate(map(len, clusters), initial=0))
        self._columns_before = [0]
        for cluster in clusters:
            self._columns_before += [self._columns_before[-1] + _cluster_columns(cluster)] * len(cluster)
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
    return sum(map(_cluster_columns, regex.findall(r"\X", text)))


def _cluster_columns(cluster: str) -> int:
    return max(map(_columns, cluster))


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
        word_ends: places between words, if they are known; None to allow breaks between any two characters of a text
            without spaces.
        ruler: of the text.
        columns: the widest line. Only what does not fit into it may break inside a word.
    """
    phrases = _phrase_borders(text, language)
    marks = _marked_places(text)
    penalties = {0: 0.0}
    for place in _allowed_places(text, language, phrases):
        if place in marks:
            penalties[place] = marks[place]
        elif text[place - 1].isspace():
            penalties[place] = CLAUSE if language == "Thai" else WORD  # Thai has a space between phrases, not words
        elif word_ends is None or place in word_ends:
            penalties[place] = WORD if place in phrases else ELSEWHERE
    penalties = {place: penalty for place, penalty in penalties.items() if place in ruler.starts}
    penalties[len(text)] = 0.0
    inside = {}
    for left, right in pairwise(penalties):
        if ruler.width(left, right) > columns:
            places = (place for place in range(left + 1, right) if place in ruler.starts)
            inside |= {place: INSIDE for place in places if not text[place].isspace()}
    return dict(sorted((penalties | inside).items()))


def _phrase_borders(text: str, language: str) -> set[int]:
    """Return the places between the phrases of a language that budoux knows; in Thai, between words."""
    if language not in _PARSERS:
        return set()
    return set(accumulate(map(len, _parser(language).parse(text))))


@cache
def _parser(language: str) -> budoux.Parser:
    return _PARSERS[language]()


def _allowed_places(text: str, language: str, phrases: set[int]) -> list[int]:
    """Return the places at which the text may break, in order, without words that have to be cut inside."""
    text = _SPACE.sub(" ", text)
    sure = (found.start() for found in _SURE_BREAK.finditer(text))
    allowed = [
        start + place for start, end in pairwise([0, *sure, len(text)]) for place in _places_within(text[start:end])
    ]
    if language == "Thai":
        allowed += [found.start() for found in _THAI_BORDER.finditer(text) if found.start() in phrases]
        allowed.sort()
    return [place for place in allowed if not _KEPT_TOGETHER.fullmatch(text, place - 1, place + 1)]


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
