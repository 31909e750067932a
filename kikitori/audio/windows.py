"""A recording -> windows: model inputs that begin and end in a pause, without long silence.

    blocks of sound -> pieces (speech with some of the quiet around it) -> windows (consecutive pieces up to a length)

One pass over the recording, which holds a few minutes of sound at a time, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import merge
from itertools import groupby, pairwise, tee

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, limit_peak
from kikitori.audio.vad import Span, find_speech

# How much sound is searched for speech at once: 19 MB, which the detector takes as 15 rows in parallel.
STRETCH_SECONDS = 300.0

# Quiet kept on each side of speech. A pause longer than twice this is shortened: models answer silence with invented
# text.
QUIET_SECONDS = 0.5

# How far on either side of the wanted cut to look for the quietest point of unbroken speech; qwen-asr's value.
CUT_SEARCH_SECONDS = 5.0

# Loudness is a sliding average over this length; qwen-asr's value.
LOUDNESS_SAMPLES = SAMPLE_RATE // 10


@dataclass(frozen=True)
class Piece:
    """Speech between two pauses, with the quiet around it.

    start: position of its first sample in the recording.
    waveform: float32 array of shape (samples,), mono, 16 kHz.
    speech: the voiced samples, counted in the waveform.
    pause: samples of silence before the voice, including those that were left out.
    """

    start: int
    waveform: np.ndarray
    speech: Span
    pause: int

    @property
    def start_seconds(self) -> float:
        """Start of the voice in the recording."""
        return (self.start + self.speech.start) / SAMPLE_RATE

    @property
    def end_seconds(self) -> float:
        """End of the voice in the recording."""
        return (self.start + self.speech.end) / SAMPLE_RATE


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
        return _samples(self.pieces)

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
        return _samples(self.overlap(before)) / SAMPLE_RATE

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


def voiced_pieces(blocks: Iterable[np.ndarray], max_seconds: float) -> Iterator[Piece]:
    """Cut a recording into pieces of at most max_seconds.

    Speech that runs past the end of a stretch is searched again together with the next stretch.
    """
    start, last_voice = 0, 0
    held = np.zeros(0, np.float32)
    for stretch, final in _stretches(blocks):
        held = np.concatenate([held, stretch])
        spans = find_speech(held)
        until = len(held) if final else _settled_samples(spans, held, max_seconds)
        settled = [Span(span.start, min(span.end, until)) for span in spans if span.start < until]
        for piece in surround(held[:until], settled, start, last_voice):
            last_voice = piece.start + piece.speech.end
            yield from _split_long(piece, max_seconds)
        start, held = start + until, held[until:]


def _stretches(blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Join blocks into stretches of STRETCH_SECONDS, each with whether it is the last one, which may be shorter."""
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
    """How many of the held samples can be cut into pieces now, because no later sound changes their spans.

    The rest is searched again with the next stretch. Usually the border is the middle of the last pause.
    """
    quiet = round(QUIET_SECONDS * SAMPLE_RATE)
    if not spans:
        return max(len(held) - quiet, 0)
    if len(held) - spans[-1].end >= 2 * quiet:
        return len(held) - quiet
    last = held[spans[-1].start :]
    if len(last) > max_seconds * SAMPLE_RATE:
        # Speech longer than a piece is cut anyway. Holding all of it would let memory grow.
        seconds = len(last) / SAMPLE_RATE - CUT_SEARCH_SECONDS
        return spans[-1].start + next(_quiet_places(last, seconds, CUT_SEARCH_SECONDS))
    before = spans[-2].end if len(spans) > 1 else 0
    return (before + spans[-1].start) // 2


def surround(held: np.ndarray, spans: list[Span], start: int, last_voice: int) -> Iterator[Piece]:
    """Make a piece of each span: the speech with the quiet around it.

    A short pause is divided between its two sides; a long one loses its middle.
    start: position of held[0] in the recording. last_voice: where the voice before `held` ended in the recording.
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
    """Cut a piece longer than max_seconds at its quietest points."""
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


def _quiet_places(waveform: np.ndarray, seconds: float, search_seconds: float) -> Iterator[int]:
    """Yield the samples at which to cut, about `seconds` apart: the quietest within search_seconds of each.

    The places are those of qwen_asr (inference/utils.py, split_audio_into_chunks).
    """
    length, search = int(seconds * SAMPLE_RATE), int(search_seconds * SAMPLE_RATE)
    start = 0
    while len(waveform) - start > length:
        wanted = start + length
        left, right = max(start, wanted - search), min(len(waveform), wanted + search)
        if right - left > LOUDNESS_SAMPLES:
            wanted = left + quietest(np.abs(waveform[left:right]))
        start = max(wanted, start + 1)
        yield start


def quietest(levels: np.ndarray) -> int:
    """Return the index of the lowest level inside the quietest LOUDNESS_SAMPLES."""
    loudness = np.convolve(levels, np.ones(LOUDNESS_SAMPLES, np.float32), mode="valid")
    first = int(np.argmin(loudness))
    return first + int(np.argmin(levels[first : first + LOUDNESS_SAMPLES]))


def pack_pieces(pieces: Iterable[Piece], max_seconds: float, overlap_seconds: float) -> Iterator[Window]:
    """Join pieces into windows. A full window is cut at the longest pause in its second half."""
    limit, overlap = max_seconds * SAMPLE_RATE, overlap_seconds * SAMPLE_RATE
    held: list[Piece] = []
    shared = 0  # how many of the first pieces in `held` the window before has as well
    for piece in pieces:
        while held and _samples(held) + len(piece.waveform) > limit:
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


def _samples(pieces: Iterable[Piece]) -> int:
    return sum(len(piece.waveform) for piece in pieces)


def _best_cut(pieces: list[Piece], shared: int) -> int:
    """Return the number of the piece to cut before, greater than `shared`.

    It has the longest pause of those in the second half; the last one of equally long pauses.
    """
    ends = np.cumsum([len(piece.waveform) for piece in pieces])
    places = [number for number in range(shared + 1, len(pieces)) if ends[number - 1] * 2 >= ends[-1]]
    return max(places or [len(pieces) - 1], key=lambda number: (pieces[number].pause, number))


def _overlap_start(pieces: list[Piece], overlap: float) -> int:
    """Return the number of the first piece to repeat in the next window.

    From there on the pieces have `overlap` samples or more, but at most half of the window's.
    """
    half = _samples(pieces) / 2
    start, repeated = len(pieces), 0
    while repeated < overlap and repeated + len(pieces[start - 1].waveform) <= half:
        start -= 1
        repeated += len(pieces[start].waveform)
    return start


def bridge(one: Window, two: Window) -> Window:
    """Return a window over the seam of two consecutive ones: what both share, and about as much of each.

    It is no longer than the longer of them.
    """
    new = [piece for piece in two.pieces if piece.start > one.pieces[-1].start]
    pieces = [*one.pieces, *new]
    start = end = len(one.pieces)
    limit, samples = max(one.samples, two.samples), 0
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

    overlap: the second half begins with the last piece of the first half, if that has more than one piece.
    Returns None if a single piece has no point to cut at.
    """
    pieces = list(window.pieces)
    if len(pieces) == 1:
        seconds = window.samples / SAMPLE_RATE
        pieces = list(_split_at_quiet(pieces[0], seconds / 2, seconds / 8))
        if len(pieces) < 2:
            return None
    cut = _cut_near_middle(pieces)
    repeated = 1 if overlap and cut > 1 else 0
    first = replace(window, pieces=tuple(pieces[:cut]))
    return first, replace(window, pieces=tuple(pieces[cut - repeated :]))


def _cut_near_middle(pieces: list[Piece]) -> int:
    """Return the number of the piece to cut before: the longest pause between a quarter and three quarters.

    Of equally long pauses, or if no two pieces meet there, the place nearest to the middle.
    """
    total = _samples(pieces)
    before = {number: _samples(pieces[:number]) for number in range(1, len(pieces))}
    near = [number for number, samples in before.items() if total / 4 <= samples <= total * 3 / 4]
    longest = max((pieces[number].pause for number in near), default=0)
    places = [number for number in near if pieces[number].pause == longest] or before
    return min(places, key=lambda number: abs(before[number] - total / 2))
