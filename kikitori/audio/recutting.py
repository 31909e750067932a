"""Windows that are cut anew: one over the seam of two, and the halves of one."""

from __future__ import annotations

from dataclasses import replace

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import Piece, count_samples, split_at_quiet
from kikitori.audio.windows import Window


def bridge(one: Window, two: Window, seconds: float) -> Window:
    """Return a window over the seam of two consecutive ones: what both share, and about as much of each.

    seconds: the longest that it may be.
    """
    new = [piece for piece in two.pieces if piece.start > one.pieces[-1].start]
    pieces = [*one.pieces, *new]
    start = end = len(one.pieces)
    limit, samples = seconds * SAMPLE_RATE, 0
    for number in range(2 * len(pieces)):  # adds a piece at the end and at the start by turns
        if number % 2 and start > 0 and samples + len(pieces[start - 1].waveform) <= limit:
            start -= 1
            samples += len(pieces[start].waveform)
        elif not number % 2 and end < len(pieces) and samples + len(pieces[end].waveform) <= limit:
            samples += len(pieces[end].waveform)
            end += 1
    return replace(one, pieces=tuple(pieces[start:end]))


def halves(window: Window, overlap: bool) -> tuple[Window, Window] | None:
    """Cut a window in two, near its middle: at the longest pause, or at the quietest point of a single piece.

    overlap: the second half begins with the last piece of the first half that is no scrap, if that is not its first
    piece. Returns None if a single piece has no point to cut at.
    """
    pieces = list(window.pieces)
    if len(pieces) == 1:
        seconds = window.samples / SAMPLE_RATE
        pieces = list(split_at_quiet(pieces[0], seconds / 2, seconds / 8))
        if len(pieces) < 2:
            return None
    cut = _cut_near_middle(pieces)
    repeatable = [number for number in range(1, cut) if not pieces[number].is_scrap]
    start = repeatable[-1] if overlap and repeatable else cut
    return replace(window, pieces=tuple(pieces[:cut])), replace(window, pieces=tuple(pieces[start:]))


def _cut_near_middle(pieces: list[Piece]) -> int:
    """Return the number of the piece to cut before: the longest pause between a quarter and three quarters.

    Of equally long pauses, or if no two pieces meet there, the place nearest to the middle.
    """
    total = count_samples(pieces)
    before = {number: count_samples(pieces[:number]) for number in range(1, len(pieces))}
    near = [number for number, samples in before.items() if total / 4 <= samples <= total * 3 / 4]
    longest = max((pieces[number].pause for number in near), default=0)
    places = [number for number in near if pieces[number].pause == longest] or before
    return min(places, key=lambda number: abs(before[number] - total / 2))
