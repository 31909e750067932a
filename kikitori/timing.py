"""Times of turns that were not measured: the turns of a window share its time by the length of their text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from operator import attrgetter

from kikitori.transcript import Turn


def is_estimated(turns: Iterable[Turn]) -> bool:
    """Whether a turn has times that were not measured, or will be estimated by `estimate_times`."""
    return any(turn.timing in ("estimated", "window") for turn in turns)


def estimate_times(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Give each turn with the timing `window` times of its own, and mark them as `estimated`.

    The turns of one window divide its time in proportion to their characters. If two neighbouring windows overlap, the
    border is the middle of the overlap. Times are rounded to milliseconds. All other turns stay as they are.
    """
    groups = [list(group) for _, group in groupby(turns, attrgetter("timing", "start_seconds", "end_seconds"))]
    starts = [group[0].start_seconds for group in groups]
    ends = [group[0].end_seconds for group in groups]
    for number, (group, following) in enumerate(pairwise(groups)):
        if not group[0].timing == following[0].timing == "window":
            continue
        overlap_start = max(starts[number], starts[number + 1])
        overlap_end = min(ends[number], ends[number + 1])
        if overlap_start < overlap_end:
            ends[number] = starts[number + 1] = (overlap_start + overlap_end) / 2
    timed: list[Turn] = []
    for group, start, end in zip(groups, starts, ends, strict=True):
        timed += _divide_time(group, start, end) if group[0].timing == "window" else group
    return tuple(timed)


def _divide_time(turns: list[Turn], start: float, end: float) -> Iterator[Turn]:
    """Divide a time among turns in proportion to their characters; to those of the source if a turn has no others."""
    characters = list(accumulate((len(turn.text or turn.source) for turn in turns), initial=0))
    times = (round(start + (end - start) * before / characters[-1], 3) for before in characters)
    inside = (min(max(time, start), end) for time in times)
    for turn, (turn_start, turn_end) in zip(turns, pairwise(inside), strict=True):
        yield replace(turn, start_seconds=turn_start, end_seconds=turn_end, timing="estimated")
