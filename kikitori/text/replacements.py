"""Replacements of words after recognition: rules `old=new`, and turns to which they are applied.

A rule finds literal text, in the same case. Where it begins or ends with a letter or a digit, it finds whole words
only: `ana` is not found in `banana`. In scripts whose words follow each other without a space, it is found anywhere.
Each rule is applied once, in order, to what the rules before it have made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, islice, pairwise

from kikitori.errors import TextError
from kikitori.strings import displayed
from kikitori.text.confidence import to_flags
from kikitori.text.scripts import splits_word
from kikitori.transcript import Turn, Word

Rule = tuple[str, str]
"""What is replaced, and by what; the second may be empty."""
Span = tuple[int, int]

MAX_RULES = 300
MAX_RULE_CHARACTERS = 200
"""Of each side. With longer ones, a search could take the square of a turn's length."""
MAX_GROWTH = 10
"""So many times as long may a turn become; if it has fewer than MIN_CHARACTERS, as if it had those. Otherwise, rules
that each double a letter would fill the memory."""
MIN_CHARACTERS = 200
SHOWN_CHARACTERS = 100
"""Of a rule in an error's sentence."""


def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read rules, one per line. Empty lines, and lines that begin with `#`, are left out.

    White space around both sides of a rule does not count. Raises TextError as `check_rules`.
    """
    lines = [line.strip() for line in text.splitlines()]
    return check_rules([parse_rule(line) for line in lines if line and not line.startswith("#")])


def parse_rule(rule: str) -> Rule:
    """Read `old=new`, without white space around both sides. Raises TextError if there is no equals sign."""
    old, equals, new = rule.partition("=")
    if not equals:
        raise TextError("bad_rule", rule=_shown(rule))
    return old.strip(), new.strip()


def check_rules(rules: Iterable[Sequence[str]]) -> tuple[Rule, ...]:
    """Return the rules as tuples.

    Raises TextError for more than MAX_RULES, for a rule that replaces nothing or is too long, and for one with line
    breaks or control characters. Raises ValueError for what is no pair of strings.
    """
    checked = tuple(map(_checked_pair, rules))
    if len(checked) > MAX_RULES:
        raise TextError("too_many_rules", count=len(checked), limit=MAX_RULES)
    for old, new in checked:
        if not old.strip() or displayed(old + new) != old + new:
            raise TextError("bad_rule", rule=_shown(f"{old}={new}"))
        if max(len(old), len(new)) > MAX_RULE_CHARACTERS:
            raise TextError("rule_too_long", rule=_shown(f"{old}={new}"), limit=MAX_RULE_CHARACTERS)
    return checked


def _shown(rule: str) -> str:
    """A rule in an error's sentence."""
    return displayed(rule if len(rule) <= SHOWN_CHARACTERS else f"{rule[:SHOWN_CHARACTERS]}…")


def _checked_pair(rule: Sequence[str]) -> Rule:
    if isinstance(rule, str) or len(rule) != 2 or not all(isinstance(text, str) for text in rule):
        raise ValueError(f"a replacement must be a pair of strings, old and new, but is {rule!r}")
    return tuple(rule)


def apply_rules(turns: Iterable[Turn], rules: Sequence[Rule]) -> tuple[Turn, ...]:
    """Apply rules to the text of turns. A turn without any text left is dropped.

    Words that a match touches become one word with their common time. A replaced stretch is not low-confidence.
    Raises TextError if a turn becomes longer than MAX_GROWTH allows.
    """
    return tuple(made for turn in turns if (made := _apply(turn, rules)))


def _apply(turn: Turn, rules: Sequence[Rule]) -> Turn | None:
    limit = MAX_GROWTH * max(MIN_CHARACTERS, len(turn.text))
    for old, new in rules:
        if spans := find_spans(turn.text, old, new):
            change = _Change(turn.text, spans, new)
            if len(change.text) > limit:
                raise TextError("replaced_too_long", rule=_shown(f"{old}={new}"), length=len(change.text), limit=limit)
            if not change.text.strip():
                return None
            turn = change.apply(turn)
    return turn


def find_spans(text: str, old: str, new: str) -> list[Span]:
    """Find where a text is replaced: (start, end) of characters, in order. A space before deleted text goes too."""
    spans: list[Span] = []
    end = 0
    while (start := text.find(old, end)) >= 0:
        end = start + len(old)
        if splits_word(text, start) or splits_word(text, end):
            end = start + 1
        else:
            kept = text[spans[-1][1] if spans else 0 : start]
            spans.append((start - 1 if not new and kept.endswith(" ") else start, end))
    return spans


class _Change:
    """A text with the same replacement in several places. text: the new one, not stripped."""

    def __init__(self, text: str, spans: list[Span], new: str):
        self._spans, self._new = spans, new
        self._ends = [end for _, end in spans]
        self._shifts = list(accumulate((len(new) - (end - start) for start, end in spans), initial=0))
        kept = pairwise([0, *(place for span in spans for place in span), len(text)])
        self.text = new.join(text[start:end] for start, end in islice(kept, 0, None, 2))

    def apply(self, turn: Turn) -> Turn:
        """Change the turn whose text this is."""
        flags = self._moved_flags(to_flags(turn.low_confidence, len(turn.text)))
        text = self.text.strip()
        start = self.text.index(text)
        ranges = _ranges(flags[start : start + len(text)])
        return replace(turn, text=text, words=_stripped(self._words(turn.words)), low_confidence=ranges)

    def _moved_flags(self, flags: list[bool]) -> list[bool]:
        """The flags of the old text's characters, as flags of the new one's."""
        moved, done = [], 0
        for start, end in self._spans:
            moved += flags[done:start] + [False] * len(self._new)
            done = end
        return moved + flags[done:]

    def _words(self, words: Sequence[Word]) -> list[Word]:
        """The new words. What is left of one without a letter goes to the word before it, or else to the next."""
        made: list[Word] = []
        begin = 0
        for joined, old_end in self._joined(words):
            end = old_end + self._shifts[bisect_right(self._ends, old_end)]
            text = self.text[begin:end]
            if any(map(str.isalnum, text)):
                made.append(Word(text, joined[0].start_seconds, joined[-1].end_seconds))
            elif made:
                made[-1] = replace(made[-1], text=made[-1].text + text)
            begin = end if made else 0
        return made

    def _joined(self, words: Sequence[Word]) -> Iterator[tuple[list[Word], int]]:
        """Yield groups of words, each with the place in the old text where it ends. No span is in two groups."""
        inside = {place for start, end in self._spans for place in range(start + 1, end)}
        group: list[Word] = []
        for word, end in zip(words, accumulate(len(word.text) for word in words), strict=True):
            group.append(word)
            if end not in inside:
                yield group, end
                group = []


def _stripped(words: list[Word]) -> tuple[Word, ...]:
    """The words without white space at the ends of their common text."""
    if words:
        words[0] = replace(words[0], text=words[0].text.lstrip())
        words[-1] = replace(words[-1], text=words[-1].text.rstrip())
    return tuple(words)


def _ranges(flags: Iterable[bool]) -> tuple[Span, ...]:
    """The (start, end) of every run of flags that are set."""
    ranges, place = [], 0
    for flag, run in groupby(flags):
        end = place + len(list(run))
        if flag:
            ranges.append((place, end))
        place = end
    return tuple(ranges)
