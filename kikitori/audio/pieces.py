"""A recording -> pieces: speech between two pauses, with some of the quiet around it.

One pass over the recording, which holds a few minutes of sound at a time, whatever its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
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
SCRAP_SECONDS = 0.5
"""Less voice than this may be the end of a word or a click."""


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

    @property
    def is_scrap(self) -> bool:
        """Whether there is too little voice to show who speaks. A window that begins so is easily misunderstood."""
        return self.speech.end - self.speech.start < SCRAP_SECONDS * SAMPLE_RATE


def count_samples(pieces: Iterable[Piece]) -> int:
    """Return the length of pieces together."""
    return sum(len(piece.waveform) for piece in pieces)


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
    yield from split_at_quiet(piece, max_seconds - search, search)


def split_at_quiet(piece: Piece, seconds: float, search_seconds: float) -> Iterator[Piece]:
    """Cut a piece about every `seconds`, at the quietest point within search_seconds of there."""
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
