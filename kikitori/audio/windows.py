"""Pieces -> windows: model inputs that begin and end in a pause, without long silence.

blocks of sound -> pieces -> windows (consecutive pieces up to a length)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, tee

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, limit_peak
from kikitori.audio.pieces import Piece, count_samples, voiced_pieces


@dataclass(frozen=True)
class Window:
    """One model input: consecutive pieces.

    channel: the recording's channel that it comes from, if the channels are transcribed separately; otherwise None.
    """

    pieces: tuple[Piece, ...]
    channel: int | None = None

    @property
    def waveform(self) -> np.ndarray:
        """float32 array of shape (samples,), mono, 16 kHz, in [-1, 1]."""
        return limit_peak(np.concatenate([piece.waveform for piece in self.pieces]))

    @property
    def samples(self) -> int:
        """Length of the waveform."""
        return count_samples(self.pieces)

    @property
    def speech_seconds(self) -> float:
        """Length of the voiced parts."""
        return _speech_seconds(self.pieces)

    @property
    def start_seconds(self) -> float:
        """Start of its first voice in the recording."""
        return self.pieces[0].start_seconds

    @property
    def end_seconds(self) -> float:
        """End of its last voice in the recording."""
        return self.pieces[-1].end_seconds

    def to_recording(self, seconds: float, is_end: bool = False) -> float:
        """Convert a time in the window's waveform to a time in the recording.

        is_end: a time at the border of two pieces belongs to the end of the first one, not to the start of the second.
            The two differ if a pause between the pieces was left out.
        """
        sample = seconds * SAMPLE_RATE
        for piece in self.pieces[:-1]:
            if sample < len(piece.waveform) or (is_end and sample == len(piece.waveform)):
                break
            sample -= len(piece.waveform)
        else:
            piece = self.pieces[-1]
        return (piece.start + sample) / SAMPLE_RATE

    def overlap(self, before: Window | None) -> tuple[Piece, ...]:
        """What the window shares with the window before it."""
        if before is None or before.channel != self.channel:
            return ()
        end = before.pieces[-1].start + len(before.pieces[-1].waveform)
        return tuple(piece for piece in self.pieces if piece.start < end)

    def overlap_seconds(self, before: Window | None) -> float:
        """Length of what the window shares with the window before it."""
        return count_samples(self.overlap(before)) / SAMPLE_RATE

    def overlap_shares(self, before: Window) -> tuple[float, float]:
        """Which share of the speech of the window before it, and which of its own, the two have in common."""
        shared = _speech_seconds(self.overlap(before))
        return shared / before.speech_seconds, shared / self.speech_seconds


def _speech_seconds(pieces: Iterable[Piece]) -> float:
    return sum(piece.speech.end - piece.speech.start for piece in pieces) / SAMPLE_RATE


def cut_windows(blocks: Iterable[np.ndarray], max_seconds: float, overlap_seconds: float = 0.0) -> Iterator[Window]:
    """Cut a recording into windows.

    Args:
        blocks: float32 arrays of shape (samples,), mono, 16 kHz.
        max_seconds: the longest window allowed.
        overlap_seconds: how much of a window's end is repeated at the start of the next one. Rounded up to whole
            pieces, but at most half of a window.
    """
    # Pieces no longer than the overlap, so that an overlap can begin inside unbroken speech.
    pieces = voiced_pieces(blocks, min(max_seconds, overlap_seconds or max_seconds))
    return pack_pieces(pieces, max_seconds, overlap_seconds)


def cut_channels(blocks: Iterable[np.ndarray], max_seconds: float) -> Iterator[Window]:
    """Cut a recording with one speaker per channel into windows, in order of time.

    A window holds what one speaker says until the other one speaks.

    Args:
        blocks: float32 arrays of shape (samples, 2), 16 kHz.
        max_seconds: the longest window allowed.
    """

    def of_channel(blocks: Iterable[np.ndarray], channel: int) -> Iterator[tuple[Piece, int]]:
        for piece in voiced_pieces((block[:, channel] for block in blocks), max_seconds):
            yield piece, channel

    sides = [of_channel(side, channel) for channel, side in enumerate(tee(blocks, 2))]
    in_order = merge(*sides, key=lambda entry: entry[0].start_seconds)
    for channel, run in groupby(in_order, key=lambda entry: entry[1]):
        for window in pack_pieces((piece for piece, _ in run), max_seconds, 0.0):
            yield replace(window, channel=channel)


def pack_pieces(pieces: Iterable[Piece], max_seconds: float, overlap_seconds: float) -> Iterator[Window]:
    """Join pieces into windows. A full window is cut at the longest pause in its second half."""
    limit, overlap = max_seconds * SAMPLE_RATE, overlap_seconds * SAMPLE_RATE
    held: list[Piece] = []
    shared = 0  # how many of the first pieces in `held` the window before has as well
    for piece in pieces:
        while held and count_samples(held) + len(piece.waveform) > limit:
            if len(held) == shared:  # the piece is too long for the whole overlap
                held, shared = held[1:], shared - 1
                continue
            cut = _best_cut([*held, piece], shared)
            yield Window(tuple(held[:cut]))
            kept = _overlap_start(held[:cut], overlap)
            held, shared = held[kept:], cut - kept
        held.append(piece)
    if len(held) > shared:
        yield Window(tuple(held))


def _best_cut(pieces: list[Piece], shared: int) -> int:
    """Return the number of the piece to cut before, greater than `shared`.

    It has the longest pause of those in the second half; the last one of equally long pauses.
    """
    ends = np.cumsum([len(piece.waveform) for piece in pieces])
    places = [number for number in range(shared + 1, len(pieces)) if ends[number - 1] * 2 >= ends[-1]]
    return max(places or [len(pieces) - 1], key=lambda number: (pieces[number].pause, number))


def _overlap_start(pieces: list[Piece], overlap: float) -> int:
    """Return the number of the first piece to repeat in the next window.

    From there on the pieces have `overlap` samples or more, but at most half of the window's. Scraps are not repeated
    first.
    """
    half = count_samples(pieces) / 2
    start, repeated = len(pieces), 0
    while repeated < overlap and repeated + len(pieces[start - 1].waveform) <= half:
        start -= 1
        repeated += len(pieces[start].waveform)
    while start < len(pieces) and pieces[start].is_scrap:
        start += 1
    return start
