"""Sound of any rate -> float32 at 16 kHz, by soxr (HQ)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from kikitori.audio.checks import MIN_RATE, SAMPLE_RATE, longer_than, to_float32
from kikitori.errors import AudioError


def resample_waveform(waveform: Any, rate: float, name: str = "the waveform") -> np.ndarray:
    """Convert a waveform to 16 kHz, sample for sample as `load_audio` converts a file.

    Args:
        waveform: floating array of shape (samples,), mono, nominally in [-1, 1].
        rate: its samples per second, at least MIN_RATE.
        name: the recording's name in error messages.

    Returns:
        float32 array of shape (ceil(samples * 16000 / rate),). Peaks may be slightly above those of the input.

    Raises:
        ValueError: not a one-dimensional array of floats, or a rate that is not a positive number.
        AudioError: a rate under MIN_RATE.
    """
    samples = to_float32(waveform, name)
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"the sample rate of {name} must be a positive number of Hz, not {rate}")
    return np.concatenate(list(resample_blocks([(samples[:, np.newaxis], rate)], name)))[:, 0]


def resample_blocks(
    blocks: Iterable[tuple[np.ndarray, float]], name: str, max_seconds: float | None = None
) -> Iterator[np.ndarray]:
    """Convert blocks to 16 kHz; soxr gives the same samples in blocks as in one piece.

    Args:
        blocks: float32 arrays of shape (samples, channels), each with its rate in Hz. Rate and number of channels may
            change on the way, as they do in joined AAC files.
        name: the recording's name in error messages.
        max_seconds: the longest recording allowed; None for no limit.

    Yields:
        float32 arrays of shape (samples, channels), 16 kHz.

    Raises:
        AudioError: a rate under MIN_RATE.
        RefusedError: the blocks are longer than max_seconds.
    """
    import soxr

    seconds = 0.0
    for (rate, channels), run in groupby(blocks, key=lambda entry: (entry[1], entry[0].shape[1])):
        if rate < MIN_RATE:
            raise AudioError("low_rate", name=name, rate=rate, limit=MIN_RATE)
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32", quality="HQ")
        samples = given = 0
        for block, _ in run:
            samples += len(block)
            if max_seconds is not None and seconds + samples / rate > max_seconds:
                raise longer_than(name, max_seconds)
            resampled = resampler.resample_chunk(np.ascontiguousarray(block))
            given += len(resampled)
            yield resampled
        rest = resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        seconds += samples / rate
        # librosa's length (core/audio.py, resample), which soxr rounds down at times.
        missing = math.ceil(samples * (SAMPLE_RATE / rate)) - given - len(rest)
        yield np.concatenate([rest, np.zeros((missing, channels), np.float32)])
