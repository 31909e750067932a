"""Waveforms at 16 kHz whose loud and quiet parts are known to the sample, and the blocks that a decoder yields."""

from __future__ import annotations

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE


def sound(*seconds: float) -> np.ndarray:
    """Quiet and speech by turns, quiet first."""
    parts = [np.full(round(length * SAMPLE_RATE), 0.1 * (n % 2), np.float32) for n, length in enumerate(seconds)]
    return np.concatenate(parts)


def blocks(waveform: np.ndarray, samples: int = 65537) -> list[np.ndarray]:
    return [waveform[start : start + samples] for start in range(0, len(waveform), samples)]
