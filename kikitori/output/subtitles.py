"""Subtitles: the text of timed turns in pieces that a viewer can read while they are said.

    turns -> timed turns (a window's time shared out among its turns) -> subtitles -> lines and times

Sizes and times are those of Netflix's Timed Text Style Guide (General Requirements; English Template); the Japanese
ones are chosen here, for all that is said rather than a film's shortened lines.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from operator import itemgetter
from typing import NamedTuple

from kikitori.errors import SpeechError
from kikitori.transcript import Transcript, Turn

MAX_MILLISECONDS = 7000
MIN_MILLISECONDS = 833
LINE_COUNT = 2

# What a cut costs: at the end of a sentence, of a clause, between words, elsewhere in text that puts no space between
# words, and inside a word that is longer than a line. One subtitle more costs 1.
SENTENCE, CLAUSE, WORD, ELSEWHERE, INSIDE = 0.0, 0.5, 1.5, 3.0, 10.0

# What a second beyond the longest time costs. A cut in steady speech saves 7 of them at most, 3.5 in all: enough for
# one more subtitle that begins with a word, not for one that begins elsewhere.
OVERLONG = 0.5

# What one line more costs: more than any text saves by it, so that a subtitle has no more lines than it needs.
LINE = 1e6

_SENTENCE_ENDS = frozenset(".!?…。．！？｡")
_CLAUSE_ENDS = frozenset(",;:，、；：､")
_TITLES = frozenset(("Mr.", "Mrs.", "Ms.", "Dr.", "St.", "Prof.", "Sr.", "Sra.", "Srta.", "Dra.", "Profa.", "D."))
# Unicode categories. No Japanese line begins with a closing or middle mark, a mark that lengthens or repeats, or small
# kana, and none ends with an opening mark.
_CLOSING, _OPENING, _NEVER_FIRST = {"Pe", "Pf"}, {"Ps", "Pi"}, {"Pe", "Pf", "Po", "Pd", "Lm", "Sk"}
_SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ～ｧｨｩｪｫｬｭｮｯ")


@dataclass(frozen=True)
class Subtitle:
    """One text on the screen.

    start_seconds, end_seconds: from the start of the recording, whole milliseconds, 0 <= start < end.
    lines: at least one, each stripped and not empty.
    source: lines of what was said, where that is shown beside its translation; as a rule none.
    """

    start_seconds: float
    end_seconds: float
    speaker: str | None
    lines: tuple[str, ...]
    source: tuple[str, ...] = ()


class Custom(NamedTuple):
    """What viewers of a language are used to; `columns_per_character`: half-width columns."""

    line_width: int
    columns_per_character: int
    characters_per_second: float


JAPANESE, SPACED = Custom(20, 2, 6), Custom(42, 1, 17)


def has_estimated_times(transcript: Transcript) -> bool:
    """Whether turns have only the time of a model input, so that `timed_turns` has to guess their own."""
    return any(turn.timing == "window" for turn in transcript.turns)


def timed_turns(transcript: Transcript) -> tuple[Turn, ...]:
    """The turns, each with times of its own; those of timing `window` are estimates.

    Neighbours with the times of one window share them out in proportion to their characters. Where two such windows
    in a row overlap, both stop at the middle of what they have in common. Aligned turns stay as they are.

    Raises SpeechError where a turn has no times.
    """
    if any(turn.timing is None for turn in transcript.turns):
        raise SpeechError("no_times", name=transcript.audio)
    by_times = groupby(transcript.turns, lambda turn: (turn.timing, turn.start_seconds, turn.end_seconds))
    runs = [list(run) for _, run in by_times]
    spans = [[run[0].start_seconds, run[0].end_seconds] for run in runs]
    for (run, span), (next_run, next_span) in pairwise(zip(runs, spans, strict=True)):
        start, end = max(span[0], next_span[0]), min(span[1], next_span[1])
        if run[0].timing == next_run[0].timing == "window" and start < end:
            span[1] = next_span[0] = (start + end) / 2
    return tuple(turn for run, span in zip(runs, spans, strict=True) for turn in _share_out(run, *span))


def _share_out(run: list[Turn], start: float, end: float) -> Iterator[Turn]:
    if run[0].timing == "aligned":
        yield from run
        return
    parts = list(accumulate((len(turn.text) for turn in run), initial=0))
    times = [min(start + (end - start) * part / parts[-1], end) for part in parts[:-1]]
    for turn, (turn_start, turn_end) in zip(run, pairwise([*times, end]), strict=True):
        yield replace(turn, start_seconds=turn_start, end_seconds=turn_end)


def make_subtitles(
    transcript: Transcript, max_line_width: int | None = None, max_line_count: int | None = None
) -> list[Subtitle]:
    """Cut a transcript into subtitle subtitles.

    A subtitle ends with a sentence, else with a clause, else between words, and inside a word only where that is longer
    than a line. It is shown while it is said, and on into the silence after it as long as it takes to read, but
    never longer than MAX_MILLISECONDS.

    max_line_width: characters a line, at least 1, the speaker's label not counted. In Japanese full-width characters
        count one, in other languages two, and all others half of that. None: 20 in Japanese, else 42.
    max_line_count: lines a subtitle, at least 1. None: 2.

    Returns the subtitles in time order, none overlapping. Every character of the turns is there once, white space
    aside, and each turn's are in order. Where turns overlap, a subtitle ends when the next begins.

    Raises SpeechError where a turn has no times.
    """
    custom, other = (JAPANESE, SPACED) if transcript.language == "Japanese" else (SPACED, JAPANESE)
    columns = (max_line_width or custom.line_width) * custom.columns_per_character
    line_count = max_line_count or LINE_COUNT
    pieces = []
    for turn in timed_turns(transcript):
        cut = list(_cut_turn(turn, columns, line_count))
        sources = _share_source(turn, cut, (max_line_width or other.line_width) * other.columns_per_character)
        pieces += [(span, turn.speaker, lines, source) for (span, lines), source in zip(cut, sources, strict=True)]
    pieces.sort(key=lambda piece: piece[0][0])
    columns_per_second = custom.characters_per_second * custom.columns_per_character
    reading = [round(1000 * sum(map(_columns, "".join(lines))) / columns_per_second) for _, _, lines, _ in pieces]
    spans = _separate([span for span, *_ in pieces], reading, round(transcript.duration_seconds * 1000))
    return [
        Subtitle(start / 1000, end / 1000, speaker, lines, source)
        for (start, end), (_, speaker, lines, source) in zip(spans, pieces, strict=True)
    ]


def _share_source(
    turn: Turn, cut: list[tuple[tuple[int, int], tuple[str, ...]]], columns: int
) -> list[tuple[str, ...]]:
    """The lines of what was said, each for the subtitle of the turn during whose time its middle was spoken."""
    shared: list[tuple[str, ...]] = [()] * len(cut)
    if turn.source:
        ends = [end for (_, end), _ in cut[:-1]]
        for (start, end), lines in _cut_turn(replace(turn, text=turn.source, words=(), low_confidence=()), columns, 1):
            shared[bisect_left(ends, (start + end) / 2)] += lines
    return shared


def _separate(said: list[tuple[int, int]], reading: list[int], duration: int) -> list[tuple[int, int]]:
    """When to show subtitles so that none overlap, in milliseconds; `said` is sorted by start.

    A subtitle waits until the one before it was seen for MIN_MILLISECONDS, or as long as it was said.
    """
    shown, free = [], 0
    for start, end in said:
        start, seen = max(start, free), min(max(end - start, 1), MIN_MILLISECONDS)
        free = start + seen
        shown.append((start, max(end, free)))
    nexts = [start for start, _ in shown[1:]] + [max(duration, end) for _, end in shown[-1:]]
    return [
        (start, min(max(end, start + max(wish, MIN_MILLISECONDS)), following, start + MAX_MILLISECONDS))
        for (start, end), wish, following in zip(shown, reading, nexts, strict=True)
    ]


def _cut_turn(turn: Turn, columns: int, line_count: int) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    """The turn's subtitles: when each is said, in milliseconds, and its lines of at most so many columns."""
    text = turn.text
    # For each place in the text: where the white space before it begins, and how many columns come before it.
    trimmed = list(accumulate(range(len(text)), lambda end, at: end if text[at].isspace() else at + 1, initial=0))
    filled = list(accumulate(map(_columns, text), initial=0))
    starts, ends = _character_times(turn)

    def width(start: int, end: int) -> int:
        return filled[trimmed[end]] - filled[start]

    def subtitle_cost(start: int, end: int) -> float:
        seconds = ends[trimmed[end] - 1] - starts[start]
        fill = width(start, end) / (columns * line_count)
        return 1 + prices[end] + fill**2 + OVERLONG * max(seconds - MAX_MILLISECONDS / 1000, 0)

    def line_cost(start: int, end: int) -> float:
        return LINE + prices[end] + (width(start, end) / columns) ** 2

    prices = _stops(turn, lambda start, end: width(start, end) <= columns)
    stops = list(prices)
    line_reach = _reach(stops, lambda start, end: width(start, end) <= columns)
    subtitle_reach = line_reach
    for _ in range(1, min(line_count, len(stops))):
        subtitle_reach = {start: line_reach[end] for start, end in subtitle_reach.items()}
    for start, end in _best_cuts(stops, subtitle_reach, subtitle_cost):
        inside = stops[bisect_left(stops, start) : bisect_left(stops, end) + 1]
        lines = (" ".join(text[slice(*line)].split()) for line in _best_cuts(inside, line_reach, line_cost))
        yield (round(starts[start] * 1000), round(ends[trimmed[end] - 1] * 1000)), tuple(lines)


def _character_times(turn: Turn) -> tuple[list[float], list[float]]:
    """When each character of the text starts and ends, in seconds: evenly through its word, else through the turn."""
    starts, ends = [], []
    for part in turn.words or (turn,):
        letters, seconds = len(part.text.lstrip()), part.end_seconds - part.start_seconds
        for number in range(letters - len(part.text), letters):  # below 0: the space before the word
            starts.append(part.start_seconds + seconds * number / letters)
            ends.append(part.start_seconds + seconds * (number + 1) / letters)
    return list(accumulate(starts, max)), list(accumulate(ends, max))  # words' times need not run forward


def _best_cuts(stops: Sequence[int], reach: dict[int, int], cost: Callable[[int, int], float]) -> list[tuple[int, int]]:
    """Cut at some of the stops, so that no piece goes beyond its reach and their costs add up to the least."""
    best, first = [(0.0, 0)], 0  # for each stop: the cost of all before it, and the number of the stop before
    for end in stops[1:]:
        while reach[stops[first]] < end:
            first += 1
        starts = range(len(best) - 1, first - 1, -1)  # of equal cuts the latest: it leaves the first pieces full
        best.append(min(((best[at][0] + cost(stops[at], end), at) for at in starts), key=itemgetter(0)))
    cuts = [len(stops) - 1]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    return list(pairwise(stops[number] for number in reversed(cuts)))


def _reach(stops: Sequence[int], fits: Callable[[int, int], bool]) -> dict[int, int]:
    """For each stop the furthest at which a line that begins there can end: the next one at least."""
    reach, number = {}, 0
    for at, start in enumerate(stops):
        number = max(number, min(at + 1, len(stops) - 1))
        while number + 1 < len(stops) and fits(start, stops[number + 1]):
            number += 1
        reach[start] = stops[number]
    return reach


def _stops(turn: Turn, fits: Callable[[int, int], bool]) -> dict[int, float]:
    """Where the text may be cut, in order and both its ends included, and what a cut there costs."""
    text = turn.text
    seams = set(accumulate(len(word.text) for word in turn.words)) or range(len(text))
    prices = {place: _price(text, place, place in seams) for place in range(1, len(text))}
    prices = {0: 0.0} | {place: price for place, price in prices.items() if price is not None} | {len(text): 0.0}
    for left, right in pairwise(list(prices)):
        if not fits(left, right):
            prices |= {at: INSIDE for at in range(left + 1, right) if not _is_joined(text[at - 1], text[at])}
    return dict(sorted(prices.items()))


def _price(text: str, place: int, between_words: bool) -> float | None:
    """What a cut before text[place] costs; None where there should be none."""
    before, after = text[place - 1], text[place]
    if _is_joined(before, after) or not (before.isspace() or _may_part(before, after)):
        return None
    mark = _last_mark(text, place)
    if mark == "." and text[max(place - 9, 0) : place].split()[-1] in _TITLES:
        return ELSEWHERE
    if mark in _SENTENCE_ENDS:
        return SENTENCE
    if mark in _CLAUSE_ENDS:
        return CLAUSE
    if before.isspace():
        return WORD
    # A Japanese phrase ends in hiragana, and the next begins with anything else or follows the particle を.
    ends_phrase = before == "を" or (_is_hiragana(before) and not _is_hiragana(after))
    return None if not between_words else WORD if ends_phrase else ELSEWHERE


def _may_part(before: str, after: str) -> bool:
    """Whether a line may end between two characters without a space, by the rules of Japanese typesetting."""
    if not (_is_unspaced(before) or _is_unspaced(after)) or unicodedata.category(before) in _OPENING:
        return False
    is_prefix = before in "おご" and not _is_hiragana(after)
    is_never_first = unicodedata.category(after) in _NEVER_FIRST or after in _SMALL_KANA
    return not (before.isdigit() or is_prefix or is_never_first)


def _last_mark(text: str, place: int) -> str:
    """The last character before text[place] that is no space, closing bracket or quote; looks back a few only."""
    for character in reversed(text[max(place - 9, 0) : place]):
        if not (character.isspace() or character in "\"'" or unicodedata.category(character) in _CLOSING):
            return character
    return ""


def _is_joined(before: str, after: str) -> bool:
    """Whether nothing may come between: the second changes how the first looks, or is a space, which stays with it."""
    changes = unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf") or "\U0001f3fb" <= after <= "\U0001f3ff"
    return changes or before == "\u200d" or after.isspace()


def _is_unspaced(character: str) -> bool:
    """Whether it belongs to a script without spaces: kana, kanji and what is as wide as they are."""
    return unicodedata.east_asian_width(character) in "FWH"


def _is_hiragana(character: str) -> bool:
    return "\u3041" <= character <= "\u309f"


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1
