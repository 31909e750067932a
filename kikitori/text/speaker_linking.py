"""Speaker labels of windows -> speaker labels of the recording.

A checkpoint numbers speakers anew in every window. Windows of a call overlap, so the words of the overlap are written
twice: aligning the two texts says which label of one window is which of the next, and where to go over from one to the
other without losing or doubling a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from kikitori.transcript import Turn, Word, merge_neighbours

CHARACTERS_PER_SECOND = 14.0
"""Fast Japanese, in kana; how far to look for the overlap's words in both texts."""

MIN_CONFIDENCE = 0.5
"""A link below it is a warning: less than half of the overlap's characters agree, or they disagree on who spoke."""

MIN_LOST_CHARACTERS = 3
"""So much more in one window is words that the other has not; less is another spelling."""

SENTENCE_ENDS = "。！？"

GUESSED_CONFIDENCE = 0.3
"""Of a label that the overlap says nothing about and that could be more than one speaker."""


@dataclass(frozen=True)
class Link:
    """How the labels of one window became those of the recording.

    confidence: 0 to 1, the part of the overlap's characters on which both windows agree, in words and in speaker.
    """

    confidence: float
    labels: dict[str, str]


@dataclass
class Linker:
    """Takes the turns of window after window, gives the turns of the recording.

    The first may be given when it is made, with the labels that they have.
    """

    open_turns: tuple[Turn, ...] = ()
    """Those that the next window may still change."""
    _known: tuple[str, ...] = ()  # labels of the recording, the one heard last at the end

    def link(self, turns: tuple[Turn, ...], overlap_seconds: float) -> Link | None:
        """How the labels of the next window become the recording's; None where there is nothing to link.

        Arguments are those of `add`; nothing is taken.
        """
        if not (self.open_turns and turns):
            return None
        return self._link(turns, *self._match(turns, overlap_seconds))

    def add(
        self, turns: tuple[Turn, ...], overlap_seconds: float, mend: Callable[[Link], Link] | None = None
    ) -> tuple[tuple[Turn, ...], Link | None]:
        """The turns that are now settled, and the link; None where there was nothing to link.

        turns: of one window, with its own labels. overlap_seconds: how much of it the window before has as well.
        mend: takes what the overlap says, and gives that or a better link.
        """
        match = self._match(turns, overlap_seconds)
        link = self._link(turns, *match) if self.open_turns and turns else None
        if link and mend:
            link = mend(link)
        joined = self._join(turns, *match, link)
        heard = dict.fromkeys(turn.speaker for turn in joined if turn.speaker)
        self._known = (*(label for label in self._known if label not in heard), *heard)
        joined = merge_neighbours(joined)
        # The next window can change no more than this window's own turns.
        settled = max(0, len(joined) - len(turns) - 1)
        self.open_turns = joined[settled:]
        return joined[:settled], link

    def _match(
        self, turns: tuple[Turn, ...], overlap_seconds: float
    ) -> tuple[list[_Character], list[_Character], list[tuple[int, int]]]:
        """The characters near the seam on both sides, and which are the same: pairs of places."""
        count = round(overlap_seconds * CHARACTERS_PER_SECOND)
        before, after = _characters(self.open_turns)[-count:] if count else [], _characters(turns)[:count]
        return before, after, align_overlap("".join(c.text for c in before), "".join(c.text for c in after))

    def _link(
        self,
        turns: tuple[Turn, ...],
        before: list[_Character],
        after: list[_Character],
        pairs: list[tuple[int, int]],
    ) -> Link:
        votes: dict[str, Counter] = {}
        for i, j in pairs:
            if before[i].speaker and after[j].speaker:
                votes.setdefault(after[j].speaker, Counter())[before[i].speaker] += 1
        labels, certain = self._name({turn.speaker for turn in turns if turn.speaker}, _most_votes(votes))
        agreeing = sum(votes[label][labels[label]] for label in votes)
        confidence = agreeing / max(1, len(before) - pairs[0][0]) if pairs else 0.0
        return Link(min(confidence, 1.0 if certain else GUESSED_CONFIDENCE), labels)

    def _join(
        self,
        turns: tuple[Turn, ...],
        before: list[_Character],
        after: list[_Character],
        pairs: list[tuple[int, int]],
        link: Link | None,
    ) -> tuple[Turn, ...]:
        labels, _ = self._name({turn.speaker for turn in turns if turn.speaker}, link.labels if link else {})
        named = tuple(replace(turn, speaker=labels.get(turn.speaker)) for turn in turns)
        if not pairs:
            return self.open_turns + named
        i, j = _seam(pairs, before, after)
        return _between(self.open_turns, 0, len(_characters(self.open_turns)) - len(before) + i) + _between(named, j)

    def _name(self, labels: set[str], linked: dict[str, str]) -> tuple[dict[str, str], bool]:
        """The recording's label for each of a window's labels, and whether that is certain.

        linked: those that are known; another is the speaker heard last of those left, or a new one.
        """
        named = dict(linked)
        certain = True
        for label in sorted(labels - set(named)):
            left = [known for known in self._known if known not in named.values()]
            certain = certain and len(left) <= 1
            named[label] = left[-1] if left else _next_label({*self._known, *named.values()})
        return named, certain


def chain(first: Link, second: Link) -> Link:
    """The link of two that follow one another; labels that don't come through are left out."""
    labels = {label: first.labels[middle] for label, middle in second.labels.items() if middle in first.labels}
    return Link(min(first.confidence, second.confidence), labels)


def _most_votes(votes: dict[str, Counter]) -> dict[str, str]:
    """The pairing of labels with choices, one to one, that has the most votes in all; none without a vote."""
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


def align_overlap(before: str, after: str) -> list[tuple[int, int]]:
    """Which characters of the end of `before` are which of the start of `after`: pairs of places, in order.

    The alignment may leave out the start of `before` and the end of `after` for nothing; a match earns 1, a character
    that is left out or differs costs 1. Empty where nothing is gained.
    """
    scores = [[0] * (len(before) + 1)]
    for column, heard in enumerate(after, start=1):
        previous, current = scores[-1], [-column]
        for row, said in enumerate(before, start=1):
            step = 1 if said == heard else -1
            current.append(max(previous[row - 1] + step, previous[row] - 1, current[row - 1] - 1))
        scores.append(current)
    row = len(before)
    column = max(range(len(after) + 1), key=lambda number: scores[number][row])
    if scores[column][row] <= 0:
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


def _seam(pairs: list[tuple[int, int]], before: list[_Character], after: list[_Character]) -> tuple[int, int]:
    """Where to go over: at a turn's or a sentence's first character if there is one, else in the longest run.

    Of several the one at which the least is lost of what only one window has, then a turn's, then the one nearest to
    the middle: at its edges a window has heard the least.
    """
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


def _lost_at(pairs: list[tuple[int, int]]) -> list[int]:
    """For each pair: how many characters that only one window has are left out by going over there."""
    gaps = [(two[0] - one[0], two[1] - one[1]) for one, two in pairwise(pairs)]
    only_before = [said - heard if said - heard >= MIN_LOST_CHARACTERS else 0 for said, heard in gaps]
    only_after = [heard - said if heard - said >= MIN_LOST_CHARACTERS else 0 for said, heard in gaps]
    return [sum(only_after[:place]) + sum(only_before[place:]) for place in range(len(pairs))]


def _begins_turn(text: list[_Character], place: int) -> bool:
    return place > 0 and text[place].speaker != text[place - 1].speaker


def _begins_sentence(text: list[_Character], place: int) -> bool:
    return place > 0 and text[place - 1].text in SENTENCE_ENDS


def _between(turns: tuple[Turn, ...], start: int, end: int | None = None) -> tuple[Turn, ...]:
    """The turns' characters from start to end, counted through all of them; to the last where end is None."""
    kept, place = [], 0
    for turn in turns:
        last = len(turn.text) if end is None else max(0, end - place)
        kept += cut_turn(turn, max(0, start - place), last)
        place += len(turn.text)
    return tuple(kept)


def cut_turn(turn: Turn, start: int, end: int) -> list[Turn]:
    """The turn's characters from start to end, with the words and times that are theirs; none where they are blank."""
    text = turn.text[start:end]
    start, end = start + len(text) - len(text.lstrip()), start + len(text.rstrip())
    if start >= end:
        return []
    words, place = [], 0
    for word in turn.words:
        inside = word.text[max(0, start - place) : max(0, end - place)]
        place += len(word.text)
        words += [replace(word, text=inside)] if inside else []
    # A cut may leave nothing but white space of a word; it goes to a neighbour.
    words = _without_blank_words(words)
    times = (words[0].start_seconds, words[-1].end_seconds) if words else (turn.start_seconds, turn.end_seconds)
    low_confidence = [
        (max(one, start) - start, min(two, end) - start)
        for one, two in turn.low_confidence
        if one < end and start < two
    ]
    return [
        Turn(turn.speaker, text.strip(), *times, turn.timing, tuple(words), tuple(low_confidence)),
    ]


def _without_blank_words(words: list[Word]) -> list[Word]:
    kept: list[Word] = []
    for word in words:
        if word.text.strip() or not kept:
            kept.append(word)
        else:
            kept[-1] = replace(kept[-1], text=kept[-1].text + word.text)
    return kept


def _next_label(taken: set[str]) -> str:
    return next(label for number in range(len(taken) + 1) if (label := f"spk_{number}") not in taken)
