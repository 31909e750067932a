"""Subtitles: the text of timed turns, cut into pieces that a viewer can read while they are spoken.

    turns -> timed turns (the turns of a window share its time) -> pieces (lines and their times) -> subtitles

Times are those of Netflix's Timed Text Style Guide (General Requirements). So are the characters per line in most
languages (42; Thai 35, Korean 16). For Chinese, and for the speed of reading Chinese and Korean, they are those that
Subtitle Edit checks for Netflix. The Japanese sizes are our own, larger than Netflix's, because all speech is shown and
not a film's shortened lines.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import inf
from operator import attrgetter
from typing import NamedTuple

from kikitori.errors import SpeechError
from kikitori.output.line_breaks import ELSEWHERE, Ruler, columns_of, find_breaks
from kikitori.text.confidence import letter_ranges, to_flags
from kikitori.timing import estimate_times
from kikitori.transcript import Transcript, Turn

MAX_MILLISECONDS = 7000
MIN_MILLISECONDS = 833
LINE_COUNT = 2

# The penalty per second beyond MAX_MILLISECONDS; one more subtitle costs 1. A cut saves at most 7 s x 0.5 = 3.5, which
# justifies one between words, but not one inside text without spaces.
OVERLONG_PENALTY = 0.5

# The penalty of one line more. It is larger than all other penalties of a text, so no subtitle has more lines than it
# needs.
LINE_PENALTY = 1e6

# What a cut costs, per line of the source between the place where it cuts the source and the one at the same share of
# the text. To be at the end of a sentence, it may be 3/4 of a line away from a place between words.
DISTANCE_PENALTY = 2.0

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Subtitle:
    """One text on the screen.

    start_seconds, end_seconds: from the start of the recording, whole milliseconds, 0 <= start < end.
    lines: each stripped and not empty; at least one, unless there is only a source.
    low_confidence: for each line, the ranges of it that the model was unsure of, as (start, end) of characters.
    source: lines in the spoken language, if the lines are a translation and its source is shown; otherwise empty.
        There are no more of them than there may be of the others.
    """

    start_seconds: float
    end_seconds: float
    speaker: str | None
    lines: tuple[str, ...]
    low_confidence: tuple[Ranges, ...]
    source: tuple[str, ...] = ()


class Style(NamedTuple):
    """The usual size and speed of subtitles in a language. columns_per_character: half-width columns."""

    line_width: int
    columns_per_character: int
    characters_per_second: float


CHINESE = Style(line_width=16, columns_per_character=2, characters_per_second=9)
STYLES = {
    "Cantonese": CHINESE,
    "Chinese": CHINESE,
    "Japanese": Style(line_width=20, columns_per_character=2, characters_per_second=6),
    "Korean": Style(line_width=16, columns_per_character=2, characters_per_second=12),
    "Thai": Style(line_width=35, columns_per_character=1, characters_per_second=17),
}
OTHER = Style(line_width=42, columns_per_character=1, characters_per_second=17)
"""The style of all other languages."""


class _Piece(NamedTuple):
    """A subtitle before it gets its time on the screen, in milliseconds.

    start, end: when it is spoken. reading: how long it takes to read.
    """

    start: int
    end: int
    reading: int
    speaker: str | None
    lines: tuple[str, ...]
    low_confidence: tuple[Ranges, ...]
    source: tuple[str, ...] = ()


def timed_turns(transcript: Transcript) -> tuple[Turn, ...]:
    """Return the turns, each with times of its own (`estimate_times`). Raises SpeechError if a turn has no times."""
    if any(turn.timing is None for turn in transcript.turns):
        raise SpeechError("no_times", name=transcript.audio)
    return estimate_times(transcript.turns)


def make_subtitles(
    transcript: Transcript, max_line_width: int | None = None, max_line_count: int | None = None
) -> list[Subtitle]:
    """Cut a transcript into subtitles.

    A subtitle ends at the end of a sentence, otherwise of a clause, otherwise between words or phrases, and inside one
    only if it is longer than a line. It is shown while it is spoken. In the silence after that it stays until there was
    time to read it, but never longer than MAX_MILLISECONDS.

    Args:
        transcript: its turns must have times.
        max_line_width: characters per line, at least 1, without the speaker's label. In Japanese, Chinese, Cantonese
            and Korean a full-width character counts 1, in other languages 2; all others count half of that. A character
            is what readers see as one. None: what STYLES says for the language of the turn.
        max_line_count: lines per subtitle, at least 1. None: 2.

    Returns:
        Subtitles in order of time, without overlaps. They have every character of the turns once, except white space,
        and the characters of each turn in their order. If turns overlap, a subtitle ends when the next one begins.

    Raises:
        SpeechError: a turn has no times.
    """
    pieces: list[_Piece] = []
    for turn in timed_turns(transcript):
        turn = replace(turn, language=turn.language or transcript.language)
        pieces += _cut_with_source(turn, max_line_width, max_line_count or LINE_COUNT)
    pieces.sort(key=attrgetter("start"))
    times = _screen_times(pieces, round(transcript.duration_seconds * 1000))
    return [Subtitle(start / 1000, end / 1000, *piece[3:]) for piece, (start, end) in zip(pieces, times, strict=True)]


def _cut_with_source(turn: Turn, max_line_width: int | None, line_count: int) -> list[_Piece]:
    """Cut a turn into pieces, and its source into parts that belong to them."""
    if not turn.source.strip():
        return _TurnCutter(turn, max_line_width, line_count).pieces()
    spoken = "English" if turn.language == "Japanese" else "Japanese"  # the two that are translated
    said = replace(turn, text=turn.source, source="", language=spoken, words=(), low_confidence=())
    source = _TurnCutter(said, max_line_width, line_count)
    if not turn.text:
        return [piece._replace(lines=(), low_confidence=(), source=piece.lines) for piece in source.pieces()]
    return _TurnCutter(turn, max_line_width, line_count).pieces_with(source)


def _screen_times(pieces: list[_Piece], duration: int) -> list[tuple[int, int]]:
    """Return when each piece is shown, in milliseconds, without overlaps. pieces: sorted by start.

    A piece waits until the piece before it was shown for MIN_MILLISECONDS, or for as long as that one was spoken.
    """
    times: list[tuple[int, int]] = []
    free = 0  # when the screen is free for the next piece
    for piece in pieces:
        start = max(piece.start, free)
        free = start + min(max(piece.end - piece.start, 1), MIN_MILLISECONDS)
        times.append((start, max(piece.end, free)))
    extended = []
    for number, (piece, (start, end)) in enumerate(zip(pieces, times, strict=True)):
        reading = max(piece.reading, MIN_MILLISECONDS)
        limit = times[number + 1][0] if number + 1 < len(times) else max(duration, end)
        extended.append((start, min(max(end, start + reading), limit, start + MAX_MILLISECONDS)))
    return extended


class _Part(NamedTuple):
    """What a part of a turn costs: a piece, or one of its lines.

    penalty: of one more part. columns: how many fill it. max_seconds: how long it may be spoken without a penalty.
    """

    penalty: float
    columns: int
    max_seconds: float


class _TurnCutter:
    """Cuts one turn into pieces of at most `line_count` lines of at most `max_line_width` characters of its language.

    Cuts are at places where a line may break. Of all ways to cut, the one with the lowest sum of penalties is taken,
    first for the pieces and then for the lines of each piece. Places are counted from 0; the lists have one value for
    each. The time is proportional to the length of the text, and to how many places a piece can have.
    """

    def __init__(self, turn: Turn, max_line_width: int | None, line_count: int):
        self._turn = turn
        self._style = STYLES.get(turn.language, OTHER)
        columns = (max_line_width or self._style.line_width) * self._style.columns_per_character
        ruler = Ruler(turn.text)
        starts, ends = _character_times(turn)
        self._is_unsure = to_flags(turn.low_confidence, len(turn.text))
        word_ends = set(accumulate(len(word.text) for word in turn.words)) or None
        breaks = find_breaks(turn.text, turn.language, word_ends, ruler, columns)
        self._places = list(breaks)
        self._break_penalties = list(breaks.values())
        # The columns of the text before a place, and those without the white space there.
        self._left = [ruler.before(place) for place in breaks]
        self._right = [ruler.before(ruler.end(place)) for place in breaks]
        # When a part that starts at a place begins, and when one that ends there ends.
        self._starts = [starts[place] for place in self._places[:-1]]
        self._ends = [ends[max(ruler.end(place) - 1, 0)] for place in breaks]
        # Both cost the square of how full they are, so that they get similar lengths.
        self._line = _Part(LINE_PENALTY, columns, inf)
        self._piece = _Part(1, columns * line_count, MAX_MILLISECONDS / 1000)
        # For each place, the furthest one at which a line from there can end, and a piece.
        self._line_ends = self._furthest_ends(lambda start, end: self._right[end] - self._left[start] <= columns)
        self._piece_ends = self._line_ends
        for _ in range(1, min(line_count, len(self._places))):
            self._piece_ends = [self._line_ends[end] for end in self._piece_ends]

    def pieces(self) -> list[_Piece]:
        """Return the pieces of the turn, in order."""
        cuts = self._cheapest_cuts(0, len(self._places) - 1, self._piece_ends, self._piece)
        return [self._to_piece(start, end) for start, end in cuts]

    def pieces_with(self, source: _TurnCutter) -> list[_Piece]:
        """Return the pieces of the turn with the lines of its source, in order.

        Each cut of the text has one of the source that matches it.
        """
        matches, penalties = self._matches_in(source)
        self._break_penalties = [sum(pair) for pair in zip(self._break_penalties, penalties, strict=True)]
        ends = self._furthest_ends(
            lambda start, end: end <= self._piece_ends[start] and matches[end] <= source._piece_ends[matches[start]]
        )
        pieces: list[_Piece] = []
        for start, end in self._cheapest_cuts(0, len(self._places) - 1, ends, self._piece):
            pieces += source._divided(self._to_piece(start, end), matches[start], matches[end])
        return pieces

    def _matches_in(self, source: _TurnCutter) -> tuple[list[int], list[float]]:
        """For each place, return the one of the source where a cut matches it best, and the penalty of that.

        It is near the same share of the text, better at the end of a clause or a sentence. Matches are in order.
        """
        line, last = source._line.columns, len(source._places) - 1
        scale = source._left[-1] / max(1, self._left[-1])
        matches, penalties = [0], [0.0]
        for columns in self._left[1:-1]:
            wanted = columns * scale
            low = max(matches[-1], bisect_left(source._left, wanted - line))
            high = max(low + 1, bisect_right(source._left, wanted + line))
            costs = {
                place: (source._break_penalties[place] if 0 < place < last else ELSEWHERE)
                + DISTANCE_PENALTY * abs(source._left[place] - wanted) / line
                for place in range(low, high)
            }
            matches.append(min(costs, key=costs.__getitem__))
            penalties.append(costs[matches[-1]])
        return [*matches, last], [*penalties, 0.0]

    def _divided(self, piece: _Piece, start: int, end: int) -> list[_Piece]:
        """Return a piece of a translation with the part of its source, this turn's text, between two places.

        If the part has too many lines, because the translation could not be cut, more pieces share the time and the
        part; the first one has the translation.
        """
        cuts = [(start, end)]
        if end > self._piece_ends[start]:
            cuts = self._cheapest_cuts(start, end, self._piece_ends, self._piece)
        edges = [piece.start + (piece.end - piece.start) * number // len(cuts) for number in range(len(cuts) + 1)]
        pieces = [
            piece._replace(start=first, end=last, source=self._lines(*cut)[0])
            for cut, (first, last) in zip(cuts, pairwise(edges), strict=True)
        ]
        return [pieces[0], *(later._replace(lines=(), low_confidence=()) for later in pieces[1:])]

    def _furthest_ends(self, fits: Callable[[int, int], bool]) -> list[int]:
        """For each place, return the furthest one at which a part from there can end, at least the next one."""
        furthest = []
        end, last = 0, len(self._places) - 1
        for start in range(last + 1):
            end = max(end, min(start + 1, last))
            while end < last and fits(start, end + 1):
                end += 1
            furthest.append(end)
        return furthest

    def _cheapest_cuts(self, first: int, last: int, furthest: list[int], part: _Part) -> list[tuple[int, int]]:
        """Cut from the first to the last place so that the penalties of all parts have the lowest sum.

        furthest: for each place, the last one at which a part from there may end. Returns the places of each part.
        """
        # For each place: the lowest sum of all parts before it, and the place where the last of them starts.
        sums, origins = {first: 0.0}, {}
        low = first
        for end in range(first + 1, last + 1):
            while furthest[low] < end:
                low += 1
            sums[end], origins[end] = self._cheapest_part(low, end, sums, part)
        cuts = [last]
        while cuts[-1] > first:
            cuts.append(origins[cuts[-1]])
        return list(pairwise(reversed(cuts)))

    def _cheapest_part(self, low: int, end: int, sums: dict[int, float], part: _Part) -> tuple[float, int]:
        """Return the lowest sum of a part from `low` or later to `end` and all parts before it, and where it starts."""
        left, starts, columns, max_seconds = self._left, self._starts, part.columns, part.max_seconds
        fixed, right, spoken = part.penalty + self._break_penalties[end], self._right[end], self._ends[end]
        least, origin = inf, low
        # Latest starts first: of equal sums the first is taken, and a late start leaves the earlier parts full.
        for start in range(end - 1, low - 1, -1):
            total = fixed + ((right - left[start]) / columns) ** 2
            overlong = spoken - starts[start] - max_seconds
            if overlong > 0:
                total += OVERLONG_PENALTY * overlong
            total += sums[start]
            if total < least:
                least, origin = total, start
        return least, origin

    def _lines(self, start: int, end: int) -> tuple[tuple[str, ...], tuple[Ranges, ...]]:
        """The lines between two places; none if they are the same. And the ranges that the model was unsure of."""
        cuts = self._cheapest_cuts(start, end, self._line_ends, self._line)
        lines = [self._line_text(self._places[first], self._places[last]) for first, last in cuts]
        return tuple(text for text, _ in lines), tuple(unsure for _, unsure in lines)

    def _to_piece(self, start: int, end: int) -> _Piece:
        texts, unsure = self._lines(start, end)
        spoken, ends = round(self._starts[start] * 1000), round(self._ends[end] * 1000)
        characters = sum(map(columns_of, texts)) / self._style.columns_per_character
        reading = round(1000 * characters / self._style.characters_per_second)
        return _Piece(spoken, ends, reading, self._turn.speaker, texts, unsure)

    def _line_text(self, start: int, end: int) -> tuple[str, Ranges]:
        """The text of a line, with single spaces, and the ranges of it that the model was unsure of."""
        text = self._turn.text[start:end]
        letters = (flag for flag, letter in zip(self._is_unsure[start:end], text, strict=True) if not letter.isspace())
        line = " ".join(text.split())
        return line, letter_ranges(line, letters)


def _character_times(turn: Turn) -> tuple[list[float], list[float]]:
    """Return the start and the end of each character, in seconds: evenly through its word, or through the turn."""
    starts, ends = [], []
    for part in turn.words or (turn,):
        letters = len(part.text.lstrip())
        seconds = part.end_seconds - part.start_seconds
        for number in range(letters - len(part.text), letters):  # negative: the space before the word
            starts.append(part.start_seconds + seconds * number / letters)
            ends.append(part.start_seconds + seconds * (number + 1) / letters)
    # The words' times may run backward; those of the characters must not.
    return list(accumulate(starts, max)), list(accumulate(ends, max))
