"""What a recording must be to hold speech: length, level, rate, finite samples; and arrays of the right shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kikitori.errors import AudioError, RefusedError
from kikitori.strings import Duration, Level

# Hz; the rate of the checkpoints' feature extractor (WhisperFeatureExtractor).
SAMPLE_RATE = 16000

# Hz; the highest tone is half of it, and below 2 kHz few words can be told apart. A lower rate is usually a damaged
# header, and a small file that claims 1 Hz would become gigabytes at 16 kHz.
MIN_RATE = 4000

# Shorter than one syllable. Models answer such clips with invented text.
MIN_SECONDS = 0.1

# Peak level. The noise of a quiet room is louder, so only a dead or muted input stays below. Models answer silence with
# invented text.
SILENCE_DBFS = -60.0


def check_stream(blocks: Iterable[np.ndarray], name: str, max_seconds: float | None = None) -> Iterator[np.ndarray]:
    """Pass blocks on unchanged, and raise an error if they cannot hold speech.

    Args:
        blocks: floating arrays of shape (samples,) or (samples, channels), 16 kHz.
        name: the recording's name in error messages.
        max_seconds: the longest recording allowed; None for no limit.

    Raises:
        AudioError: a sample is not finite.
        RefusedError: the blocks are longer than max_seconds; or, at their end, they are shorter than MIN_SECONDS or no
            louder than SILENCE_DBFS.
    """
    samples, peak = 0, 0.0
    for block in blocks:
        samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        if not np.isfinite(block).all():
            raise AudioError("not_finite", name=name)
        check_length(name, samples / SAMPLE_RATE, max_seconds)
        yield block
    if samples < MIN_SECONDS * SAMPLE_RATE:
        length = Duration(samples / SAMPLE_RATE)
        raise RefusedError("too_short", name=name, length=length, limit=Duration(MIN_SECONDS))
    if peak <= 10 ** (SILENCE_DBFS / 20):
        level = Level(20 * math.log10(peak) if peak else -math.inf)
        raise RefusedError("silent", name=name, level=level, limit=round(SILENCE_DBFS))


def check_waveform(waveform: Any, name: str, max_seconds: float | None = None) -> np.ndarray:
    """Check a waveform that a caller hands in, and divide a peak above 1 away.

    The division is qwen_asr's own (inference/utils.py, float_range_normalize).

    Args:
        waveform: floating array of shape (samples,), mono, 16 kHz, nominally in [-1, 1].
        name: the recording's name in error messages.
        max_seconds: the longest recording allowed; None for no limit.

    Returns:
        float32 array of shape (samples,), in [-1, 1]. The caller's array stays unchanged.

    Raises:
        AudioError: as `check_stream`.
        ValueError: not a one-dimensional array of floats.
    """
    waveform = to_float32(waveform, name)
    for _ in check_stream([waveform], name, max_seconds):
        pass
    return limit_peak(waveform)


def to_float32(waveform: Any, name: str) -> np.ndarray:
    """Return a caller's waveform as a contiguous float32 array of shape (samples,).

    Raises ValueError, with what it got and how to convert it, for anything but a one-dimensional array of floats.
    """
    wanted = f"{name} must be a one-dimensional array of floats in [-1, 1]"
    if isinstance(waveform, tuple):
        raise ValueError(f"{wanted}, not a tuple: pass the array alone, and its rate as the sample rate")
    try:
        array = np.asarray(waveform)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{wanted}, not a {type(waveform).__name__} that numpy cannot convert ({error})") from error
    got = f"{wanted}, not one of shape {array.shape} and dtype {array.dtype}"
    if array.dtype.kind in "iu":
        raise ValueError(f"{got}: {_how_to_scale(array.dtype)}")
    if array.ndim > 1:
        raise ValueError(f"{got}: average its channels first")
    if array.ndim != 1 or array.dtype.kind != "f":
        raise ValueError(got)
    return np.ascontiguousarray(array, dtype=np.float32)


def _how_to_scale(dtype: np.dtype) -> str:
    half = (np.iinfo(dtype).max + 1) // (2 if dtype.kind == "u" else 1)
    return f"subtract {half}, then divide by {half}" if dtype.kind == "u" else f"divide it by {half}"


def limit_peak(waveform: np.ndarray) -> np.ndarray:
    """Divide a waveform by its peak if that is above 1."""
    return waveform / max(1.0, float(np.abs(waveform).max(initial=0.0)))


def check_length(name: str, seconds: float, max_seconds: float | None) -> None:
    """Raise RefusedError if a recording is longer than max_seconds; None is no limit."""
    if max_seconds is None or seconds <= max_seconds:
        return
    length, limit = Duration(seconds), Duration(max_seconds)
    if str(length) == str(limit):
        raise longer_than(name, max_seconds)
    raise RefusedError("too_long", name=name, length=length, limit=limit)


def longer_than(name: str, max_seconds: float) -> RefusedError:
    """Return the error for a recording that is too long and whose whole length is not known."""
    return RefusedError("longer_than", name=name, limit=Duration(max_seconds))
