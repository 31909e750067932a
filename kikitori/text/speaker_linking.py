"""Link the speaker labels of windows to the speaker labels of the recording.

A checkpoint numbers speakers anew in every window. Windows of a call overlap, so the words of the overlap are written
twice. Aligning the two texts shows which label of one window is which label of the next, and where to switch from one
text to the other without losing or doubling a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from math import inf

from kikitori.transcript import Turn, merge_neighbours

CHARACTERS_PER_SECOND = 14.0
"""Fast Japanese, in kana. Decides how much of both texts is searched for the overlap's words."""

MORE_SHARE, MORE_CHARACTERS = 0.25, 5
"""By how much an overlap may be longer than expected. Words that are repeated could be aligned with their repetition:
without a limit, that would be the longest alignment, and what lies between would be lost."""

MIN_CONFIDENCE = 0.5
"""A link below it becomes a warning: less than half of the overlap's characters agree in words and in speaker."""

MIN_LOST_CHARACTERS = 3
"""A gap of fewer characters between the two texts is a different spelling, not a missing word."""

SENTENCE_ENDS = "。！？"

GUESSED_CONFIDENCE = 0.3
"""The confidence of a label that the overlap does not show and that could be more than one speaker."""


@dataclass(frozen=True)
class Link:
    """How the labels of one window map to those of the recording.

    confidence: 0 to 1, the share of the overlap's characters on which both windows agree in words and in speaker.
    labels: the window's label -> the recording's. contradiction: the share on which they agree in words only.
    """

    confidence: float
    labels: dict[str, str]
    contradiction: float = 0.0

    @property
    def certainty(self) -> float:
        """By how much confidence exceeds contradiction, 0 to 1: a window whose labels change in its middle has both."""
        return max(0.0, self.confidence - self.contradiction)


@dataclass(frozen=True)
class Overlap:
    """A window's turns, and how the start of their text aligns with the end of the text before them.

    before, after: the characters near the seam. pairs: places of equal characters, in order.
    """

    turns: tuple[Turn, ...]
    before: tuple[_Character, ...]
    after: tuple[_Character, ...]
    pairs: tuple[tuple[int, int], ...]


class SpeakerLinker:
    """Merges the turns of window after window into the turns of the recording.

    For each window: `overlap`, then `link`, then `add` with that link or a better one.
    """

    def __init__(self, open_turns: tuple[Turn, ...] = ()):
        self.open_turns = open_turns
        """The last turns, which the next window may still change."""
        self._known: tuple[str, ...] = ()
        """Labels of the recording; the latest speaker last."""

    def overlap(
        self, turns: tuple[Turn, ...], overlap_seconds: float, expected: tuple[float, float] = (inf, inf)
    ) -> Overlap:
        """Align a window's turns with the open turns.

        turns: of one window, with its own labels. overlap_seconds: how much of it the previous window holds too.
        expected: as `align_overlap` takes it.
        """
        count = round(overlap_seconds * CHARACTERS_PER_SECOND)
        before = _characters(self.open_turns)[-count:] if count else []
        after = _characters(turns)[:count]
        texts = ["".join(character.text for character in part) for part in (before, after)]
        pairs = align_overlap(*texts, expected) or align_overlap(*texts)
        return Overlap(turns, tuple(before), tuple(after), tuple(pairs))

    def link(self, overlap: Overlap) -> Link | None:
        """Map the window's labels to the recording's; None if one of the two has no turns. Changes nothing."""
        if not (self.open_turns and overlap.turns):
            return None
        votes: dict[str, Counter] = {}
        for i, j in overlap.pairs:
            if overlap.before[i].speaker and overlap.after[j].speaker:
                votes.setdefault(overlap.after[j].speaker, Counter())[overlap.before[i].speaker] += 1
        labels, is_certain = self._name(overlap.turns, _most_votes(votes))
        agreeing = sum(votes[label][labels[label]] for label in votes)
        contradicting = sum(map(Counter.total, votes.values())) - agreeing
        compared = max(1, len(overlap.before) - overlap.pairs[0][0] if overlap.pairs else 0)
        confidence = min(agreeing / compared, 1.0 if is_certain else GUESSED_CONFIDENCE)
        return Link(confidence, labels, contradicting / compared)

    def add(self, overlap: Overlap, link: Link | None) -> tuple[Turn, ...]:
        """Take the window's turns, and return those that no later window can change."""
        joined = self._join(overlap, link)
        speaking = dict.fromkeys(turn.speaker for turn in joined if turn.speaker)
        self._known = (*(label for label in self._known if label not in speaking), *speaking)
        joined = merge_neighbours(joined)
        # The next window can change no more than this window's own turns.
        settled = max(0, len(joined) - len(overlap.turns) - 1)
        self.open_turns = joined[settled:]
        return joined[:settled]

    def _join(self, overlap: Overlap, link: Link | None) -> tuple[Turn, ...]:
        """The open turns up to the seam, then the window's turns under the recording's labels."""
        labels, _ = self._name(overlap.turns, link.labels if link else {})
        named = tuple(replace(turn, speaker=labels.get(turn.speaker)) for turn in overlap.turns)
        if not overlap.pairs:
            return self.open_turns + named
        i, j = _seam(overlap)
        end = len(_characters(self.open_turns)) - len(overlap.before) + i
        return _between(self.open_turns, 0, end) + _between(named, j)

    def _name(self, turns: tuple[Turn, ...], linked: dict[str, str]) -> tuple[dict[str, str], bool]:
        """The recording's label for each of a window's labels, and whether that is certain.

        linked: the labels that are known. Any other label gets the latest speaker who is not
        matched yet, or a new label.
        """
        named, is_certain = dict(linked), True
        for label in sorted({turn.speaker for turn in turns if turn.speaker} - set(named)):
            left = [known for known in self._known if known not in named.values()]
            is_certain = is_certain and len(left) <= 1
            named[label] = left[-1] if left else _next_label({*self._known, *named.values()})
        return named, is_certain


def chain(first: Link, second: Link) -> Link:
    """Combine two links in a row; labels that the first does not know are left out."""
    labels = {label: first.labels[middle] for label, middle in second.labels.items() if middle in first.labels}
    return Link(min(first.confidence, second.confidence), labels, max(first.contradiction, second.contradiction))


def _most_votes(votes: dict[str, Counter]) -> dict[str, str]:
    """Pair labels with choices, one to one, for the most votes in total; pairs without a vote are left out."""
    from scipy.optimize import linear_sum_assignment

    choices = list(dict.fromkeys(choice for vote in votes.values() for choice in vote))
    counts = [[vote[choice] for choice in choices] for vote in votes.values()]
    pairs = zip(*linear_sum_assignment(counts, maximize=True), strict=True) if choices else ()
    labels = list(votes)
    return {labels[row]: choices[column] for row, column in pairs if counts[row][column]}


@dataclass(frozen=True)
class _Character:
    text: str
    speaker: str | None


def _characters(turns: tuple[Turn, ...]) -> list[_Character]:
    return [_Character(character, turn.speaker) for turn in turns for character in turn.text]


def align_overlap(before: str, after: str, expected: tuple[float, float] = (inf, inf)) -> list[tuple[int, int]]:
    """Align the end of `before` with the start of `after`: places of equal characters, in order.

    A match scores 1; a character that is skipped or differs costs 1. The start of `before` and the end of `after` may
    be left out. expected: about how many characters of each are not left out; each beyond the limit above costs 2, more
    than it can gain. Empty if no alignment scores above 0.
    """
    limits = [(1 + MORE_SHARE) * count + MORE_CHARACTERS for count in expected]
    scores = [[-2 * max(0.0, len(before) - row - limits[0]) for row in range(len(before) + 1)]]
    for column, new in enumerate(after, start=1):
        previous, current = scores[-1], [scores[0][0] - column]
        for row, old in enumerate(before, start=1):
            step = 1 if old == new else -1
            current.append(max(previous[row - 1] + step, previous[row] - 1, current[row - 1] - 1))
        scores.append(current)
    totals = [column[-1] - 2 * max(0.0, number - limits[1]) for number, column in enumerate(scores)]
    row, column = len(before), max(range(len(after) + 1), key=totals.__getitem__)
    if totals[column] <= 0:
        return []
    pairs = []
    while column and row:
        score, same = scores[column][row], before[row - 1] == after[column - 1]
        if score == scores[column - 1][row - 1] + (1 if same else -1):
            row, column = row - 1, column - 1
            if same:
                pairs.append((row, column))
        elif score == scores[column - 1][row] - 1:
            column -= 1
        else:
            row -= 1
    return pairs[::-1]


def _seam(overlap: Overlap) -> tuple[int, int]:
    """Where to switch to the new text: a pair of places.

    Candidates are the starts of turns and sentences. Prefer, in this order: the fewest dropped characters, a turn's
    start over a sentence's, the place nearest to the middle of the overlap (a window knows the least context at its
    edges). Without candidates, take the middle of the longest equal run.
    """
    pairs, before, after = overlap.pairs, overlap.before, overlap.after
    steady = [pair for pair, following in pairwise(pairs) if following == (pair[0] + 1, pair[1] + 1)]
    turns = {(i, j) for i, j in steady if _begins_turn(before, i) or _begins_turn(after, j)}
    sentences = {(i, j) for i, j in steady if _begins_sentence(before, i) or _begins_sentence(after, j)}
    if places := turns | sentences:
        middle = pairs[len(pairs) // 2]
        lost = dict(zip(pairs, _lost_at(pairs), strict=True))
        return min(places, key=lambda place: (lost[place], place not in turns, abs(place[0] - middle[0]), place))
    runs = [
        [pair for _, pair in run]
        for _, run in groupby(enumerate(pairs), key=lambda entry: (entry[1][0] - entry[0], entry[1][1] - entry[0]))
    ]
    longest = max(runs, key=len)
    return longest[len(longest) // 2]


def _lost_at(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """For each pair: how many characters are lost by switching texts there."""
    gaps = [(two[0] - one[0], two[1] - one[1]) for one, two in pairwise(pairs)]
    only_before = [old - new if old - new >= MIN_LOST_CHARACTERS else 0 for old, new in gaps]
    only_after = [new - old if new - old >= MIN_LOST_CHARACTERS else 0 for old, new in gaps]
    return [sum(only_after[:place]) + sum(only_before[place:]) for place in range(len(pairs))]


def _begins_turn(text: Sequence[_Character], place: int) -> bool:
    return place > 0 and text[place].speaker != text[place - 1].speaker


def _begins_sentence(text: Sequence[_Character], place: int) -> bool:
    return place > 0 and text[place - 1].text in SENTENCE_ENDS


def _between(turns: tuple[Turn, ...], start: int, end: int | None = None) -> tuple[Turn, ...]:
    """The part of the turns from character `start` to `end` of their joined texts; to the last if `end` is None."""
    kept, place = [], 0
    for turn in turns:
        last = len(turn.text) if end is None else max(0, end - place)
        kept += cut_turn(turn, max(0, start - place), last)
        place += len(turn.text)
    return tuple(kept)


def cut_turn(turn: Turn, start: int, end: int) -> list[Turn]:
    """The part of a turn from character `start` to `end`, with its words and times; empty if that part is blank."""
    text = turn.text[start:end]
    start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
    if start >= end:
        return []
    words, place = [], 0
    for word in turn.words:
        inside = word.text[max(0, start - place) : max(0, end - place)]
        place += len(word.text)
        words += [replace(word, text=inside)] if inside else []
    times = (words[0].start_seconds, words[-1].end_seconds) if words else (turn.start_seconds, turn.end_seconds)
    low_confidence = [
        (max(one, start) - start, min(two, end) - start)
        for one, two in turn.low_confidence
        if one < end and start < two
    ]
    return [
        Turn(turn.speaker, text.strip(), *times, turn.timing, tuple(words), tuple(low_confidence)),
    ]


def _next_label(taken: set[str]) -> str:
    return next(label for number in range(len(taken) + 1) if (label := f"spk_{number}") not in taken)
