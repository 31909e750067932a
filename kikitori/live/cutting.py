"""Where a stretch of live sound ends: in a pause, or where it is quietest if nobody pauses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import QUIET_SECONDS, quietest
from kikitori.audio.vad import Span

MAX_SECONDS = 15.0
"""The longest stretch, which bounds the work of a pass."""
COMMIT_SECONDS = 12.0
"""Up to this length of a stretch, words become firm. The rest of it is where an unbroken stretch may be cut: no firm
word was spoken there."""
PAUSES = ((0.0, 0.6), (6.0, 0.4), (9.0, 0.2))
"""Seconds of a stretch, and how long a pause that begins later must be to end it: the longer, the sooner."""


def find_cut(spans: Sequence[Span], waveform: np.ndarray, covered: int) -> int | None:
    """Return how many samples of a stretch are complete, or None if it goes on.

    spans: its speech, in order, of which the first begins it. covered: firm words were spoken before this sample, so no
    cut comes earlier. waveform: float32 mono 16 kHz, (samples,).
    """
    gaps = [gap for gap in _gaps(spans, len(waveform)) if _place(gap) >= covered]
    for gap in gaps:
        if gap.end - gap.start >= _needed(gap.start):
            return _place(gap)
    if len(waveform) < MAX_SECONDS * SAMPLE_RATE:
        return None
    limit = round(MAX_SECONDS * SAMPLE_RATE)
    earliest = round(COMMIT_SECONDS * SAMPLE_RATE)  # firm words come from passes over less than that
    late = [gap for gap in gaps if earliest <= _place(gap) <= limit]
    if late:
        return _place(max(late, key=lambda gap: gap.end - gap.start))
    return earliest + quietest(np.abs(waveform[earliest:limit]))


def _gaps(spans: Sequence[Span], samples: int) -> list[Span]:
    """The pauses after the first word, the one at the end included."""
    followed = pairwise([*spans, Span(samples, samples)])
    return [Span(one.end, two.start) for one, two in followed if one.end < two.start]


def _place(gap: Span) -> int:
    """Where a pause is cut: in its middle, or after as much quiet as windows keep."""
    return min((gap.start + gap.end) // 2, gap.start + round(QUIET_SECONDS * SAMPLE_RATE))


def _needed(start: int) -> float:
    """How many samples a pause needs that begins at this sample."""
    return [samples for seconds, samples in PAUSES if start >= seconds * SAMPLE_RATE][-1] * SAMPLE_RATE
