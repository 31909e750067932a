"""A recording -> windows: model inputs that begin and end in silence, and leave long silence out.

    blocks of sound -> pieces (speech with some of the quiet around it) -> windows (pieces up to a length)

All of it goes through in one pass, holding a few minutes of sound at a time, however long the recording is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, pairwise, tee

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, limit_peak
from kikitori.audio.vad import Span, find_speech

STRETCH_SECONDS = 300.0
"""How much is heard through for speech at once: 19 MB of sound, 15 rows side by side."""

QUIET_SECONDS = 0.5
"""Kept on each side of speech. A longer pause than twice this is cut out: models answer silence with invented text."""

CUT_SEARCH_SECONDS = 5.0
"""How far to each side the quietest point of unbroken speech is looked for; qwen-asr's own value."""


@dataclass(frozen=True)
class Piece:
    """Speech between two pauses, with the quiet around it.

    start: its first sample, counted in the recording. waveform: float32 mono 16 kHz, (samples,).
    speech: where in the waveform the voice is. pause: samples of silence before the voice, those left out included.
    """

    start: int
    waveform: np.ndarray
    speech: Span
    pause: int

    @property
    def start_seconds(self) -> float:
        """When the voice begins in the recording."""
        return (self.start + self.speech.start) / SAMPLE_RATE

    @property
    def end_seconds(self) -> float:
        """When the voice ends in the recording."""
        return (self.start + self.speech.end) / SAMPLE_RATE


@dataclass(frozen=True)
class Window:
    """One model input: pieces in a row.

    channel: of the recording, where the channels are heard one by one; else None.
    """

    pieces: tuple[Piece, ...]
    channel: int | None = None

    @property
    def waveform(self) -> np.ndarray:
        """Float32 mono 16 kHz, (samples,), in [-1, 1]."""
        return limit_peak(np.concatenate([piece.waveform for piece in self.pieces]))

    @property
    def samples(self) -> int:
        """Length of the waveform."""
        return sum(len(piece.waveform) for piece in self.pieces)

    @property
    def speech_seconds(self) -> float:
        """How much of it is voice."""
        return sum(piece.speech.end - piece.speech.start for piece in self.pieces) / SAMPLE_RATE

    @property
    def start_seconds(self) -> float:
        """When its first voice begins in the recording."""
        return self.pieces[0].start_seconds

    @property
    def end_seconds(self) -> float:
        """When its last voice ends in the recording."""
        return self.pieces[-1].end_seconds

    def to_recording(self, seconds: float, is_end: bool = False) -> float:
        """A time in the window's waveform, as a time in the recording.

        is_end: where two pieces meet and a pause was left out, the end of the first is meant, not the next's start.
        """
        sample = seconds * SAMPLE_RATE
        for piece in self.pieces[:-1]:
            if sample < len(piece.waveform) or (is_end and sample == len(piece.waveform)):
                break
            sample -= len(piece.waveform)
        else:
            piece = self.pieces[-1]
        return (piece.start + sample) / SAMPLE_RATE

    def overlap_seconds(self, before: Window | None) -> float:
        """How much of the window is in the window before it as well."""
        if before is None or before.channel != self.channel:
            return 0.0
        end = before.pieces[-1].start + len(before.pieces[-1].waveform)
        return sum(len(piece.waveform) for piece in self.pieces if piece.start < end) / SAMPLE_RATE


def cut_windows(blocks: Iterable[np.ndarray], max_seconds: float, overlap_seconds: float = 0.0) -> Iterator[Window]:
    """The windows of a recording.

    blocks: float32 mono 16 kHz, (samples,) each. max_seconds: no window is longer. overlap_seconds: so much of a
    window's end is heard again at the start of the next, rounded up to whole pieces, but never half of a window.
    """
    # Where windows overlap, unbroken speech has to have places at which the overlap can begin.
    pieces = voiced_pieces(blocks, min(max_seconds, overlap_seconds or max_seconds))
    return pack_pieces(pieces, max_seconds, overlap_seconds)


def cut_channels(blocks: Iterable[np.ndarray], max_seconds: float) -> Iterator[Window]:
    """The windows of a recording with one speaker a channel: what one says before the other speaks, in time order.

    blocks: float32 16 kHz, (samples, 2) each.
    """

    def of_channel(blocks: Iterable[np.ndarray], channel: int) -> Iterator[tuple[Piece, int]]:
        for piece in voiced_pieces((block[:, channel] for block in blocks), max_seconds):
            yield piece, channel

    sides = [of_channel(side, channel) for channel, side in enumerate(tee(blocks, 2))]
    in_order = merge(*sides, key=lambda entry: entry[0].start_seconds)
    for channel, run in groupby(in_order, key=lambda entry: entry[1]):
        for window in pack_pieces((piece for piece, _ in run), max_seconds, 0.0):
            yield replace(window, channel=channel)


def voiced_pieces(blocks: Iterable[np.ndarray], max_seconds: float) -> Iterator[Piece]:
    """The pieces of a recording; none is longer than max_seconds.

    Speech that goes on past the end of a stretch is heard again with the next.
    """
    start, last_voice = 0, 0
    held = np.zeros(0, np.float32)
    for stretch, final in _stretches(blocks):
        held = np.concatenate([held, stretch])
        spans = find_speech(held)
        until = len(held) if final else _settled_samples(spans, held, max_seconds)
        settled = [Span(span.start, min(span.end, until)) for span in spans if span.start < until]
        for piece in _surround(held[:until], settled, start, last_voice):
            last_voice = piece.start + piece.speech.end
            yield from _split_long(piece, max_seconds)
        start, held = start + until, held[until:]


def _stretches(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Join blocks into stretches of STRETCH_SECONDS; the last may be shorter and is marked."""
    parts: list[np.ndarray] = []
    samples = 0
    for block in blocks:
        parts.append(block)
        samples += len(block)
        if samples >= STRETCH_SECONDS * SAMPLE_RATE:
            yield np.concatenate(parts), False
            parts, samples = [], 0
    yield np.concatenate([np.zeros(0, np.float32), *parts]), True


def _settled_samples(spans: list[Span], held: np.ndarray, max_seconds: float) -> int:
    """Up to where the spans of a stretch stand, whatever follows: as a rule the middle of the last pause."""
    quiet = round(QUIET_SECONDS * SAMPLE_RATE)
    if not spans:
        return len(held)
    if len(held) - spans[-1].end >= 2 * quiet:
        return len(held) - quiet
    last = held[spans[-1].start :]
    if len(last) > max_seconds * SAMPLE_RATE:  # it will be cut anyway, and must not be held back for ever
        return (
            spans[-1].start + _quiet_places(last, len(last) / SAMPLE_RATE - CUT_SEARCH_SECONDS, CUT_SEARCH_SECONDS)[0]
        )
    before = spans[-2].end if len(spans) > 1 else 0
    return (before + spans[-1].start) // 2


def _surround(held: np.ndarray, spans: list[Span], start: int, last_voice: int) -> Iterator[Piece]:
    """Pieces of `held`, which begins at sample `start` of the recording: speech with the quiet around it.

    A short pause is shared by both sides, so that nothing of it is left out.
    """
    if not spans:
        return
    quiet = round(QUIET_SECONDS * SAMPLE_RATE)
    edges = [0] + [(one.end + two.start) // 2 for one, two in pairwise(spans)] + [len(held)]
    for span, left, right in zip(spans, edges[:-1], edges[1:], strict=True):
        left, right = max(left, span.start - quiet), min(right, span.end + quiet)
        yield Piece(
            start + left,
            held[left:right],
            Span(span.start - left, span.end - left),
            pause=start + span.start - last_voice,
        )
        last_voice = start + span.end


def _split_long(piece: Piece, max_seconds: float) -> Iterator[Piece]:
    """Cut unbroken speech at its quietest points, where it is longer than a window."""
    if len(piece.waveform) <= max_seconds * SAMPLE_RATE:
        yield piece
        return
    search = min(CUT_SEARCH_SECONDS, max_seconds / 4)
    yield from _split_at_quiet(piece, max_seconds - search, search)


def _split_at_quiet(piece: Piece, seconds: float, search_seconds: float) -> Iterator[Piece]:
    start, pause = 0, piece.pause
    for end in [*_quiet_places(piece.waveform, seconds, search_seconds), len(piece.waveform)]:
        speech = Span(max(piece.speech.start - start, 0), min(piece.speech.end, end) - start)
        if speech.end > speech.start:
            yield Piece(piece.start + start, piece.waveform[start:end], speech, pause)
            pause = 0
        start = end


def _quiet_places(waveform: np.ndarray, seconds: float, search_seconds: float) -> list[int]:
    """Samples at which to cut about every so many seconds, the quietest within search_seconds of each."""
    from qwen_asr.inference.utils import split_audio_into_chunks

    chunks = split_audio_into_chunks(waveform, SAMPLE_RATE, seconds, search_seconds)
    return np.cumsum([len(chunk) for chunk, _ in chunks[:-1]]).astype(int).tolist()


def pack_pieces(pieces: Iterable[Piece], max_seconds: float, overlap_seconds: float) -> Iterator[Window]:
    """Put pieces together; a full window is cut at the longest pause in its second half."""
    limit, overlap = max_seconds * SAMPLE_RATE, overlap_seconds * SAMPLE_RATE
    held: list[Piece] = []
    fresh = 0  # how many at the front of `held` the window before has as well
    for piece in pieces:
        while held and sum(len(one.waveform) for one in held) + len(piece.waveform) > limit:
            if len(held) == fresh:  # no room for the overlap beside a long piece
                held, fresh = held[1:], fresh - 1
                continue
            cut = _best_cut([*held, piece], fresh)
            yield Window(tuple(held[:cut]))
            kept = _overlap_start(held[:cut], overlap)
            held, fresh = held[kept:], cut - kept
        held.append(piece)
    if len(held) > fresh:
        yield Window(tuple(held))


def _best_cut(pieces: list[Piece], fresh: int) -> int:
    """Before which piece to cut: the longest pause in the second half; the last of equal ones; past `fresh`."""
    ends = np.cumsum([len(piece.waveform) for piece in pieces])
    places = [number for number in range(fresh + 1, len(pieces)) if ends[number - 1] * 2 >= ends[-1]]
    return max(places or [len(pieces) - 1], key=lambda number: (pieces[number].pause, number))


def _overlap_start(pieces: list[Piece], overlap: float) -> int:
    """From which piece on a window's end is heard again: `overlap` samples or more, under half of the window."""
    half = sum(len(piece.waveform) for piece in pieces) / 2
    start, heard = len(pieces), 0
    while heard < overlap and heard + len(pieces[start - 1].waveform) <= half:
        start -= 1
        heard += len(pieces[start].waveform)
    return start


def bridge(one: Window, two: Window) -> Window:
    """A window over the seam of two that follow one another: what both have, and about as much of each.

    No longer than the longer of them.
    """
    fresh = [piece for piece in two.pieces if piece.start > one.pieces[-1].start]
    pieces = [*one.pieces, *fresh]
    start = end = len(one.pieces)
    limit, samples = max(one.samples, two.samples), 0
    for number in range(2 * len(pieces)):  # now one more at the end, now one more at the start
        if number % 2 and start > 0 and samples + len(pieces[start - 1].waveform) <= limit:
            start -= 1
            samples += len(pieces[start].waveform)
        elif not number % 2 and end < len(pieces) and samples + len(pieces[end].waveform) <= limit:
            samples += len(pieces[end].waveform)
            end += 1
    return replace(one, pieces=tuple(pieces[start:end]))


def halves(window: Window, overlap: bool) -> tuple[Window, Window] | None:
    """A window in two, cut near its middle at the longest pause, or at its quietest point; None where it can't be.

    overlap: let the second half begin with the last piece of the first.
    """
    pieces = list(window.pieces)
    if len(pieces) == 1:
        pieces = list(_split_at_quiet(pieces[0], window.samples / SAMPLE_RATE / 2, window.samples / SAMPLE_RATE / 8))
        if len(pieces) < 2:
            return None
    middles = [(number, sum(len(piece.waveform) for piece in pieces[:number])) for number in range(1, len(pieces))]
    near = [number for number, middle in middles if window.samples / 4 <= middle <= window.samples * 3 / 4]
    cut = max(
        near or [min(middles, key=lambda entry: abs(entry[1] - window.samples / 2))[0]],
        key=lambda number: pieces[number].pause,
    )
    back = 1 if overlap and cut > 1 else 0
    first = replace(window, pieces=tuple(pieces[:cut]))
    return first, replace(window, pieces=tuple(pieces[cut - back :]))
