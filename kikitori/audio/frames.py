"""FFmpeg's frames as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import av


def samples(frame: av.AudioFrame) -> np.ndarray:
    """Convert a frame of any sample format to float32 (samples, channels) in [-1, 1]."""
    array = frame.to_ndarray()
    if not frame.format.is_planar:  # (1, samples * channels), interleaved
        array = array.reshape(-1, frame.layout.nb_channels).T
    if array.dtype.kind != "f":  # signed formats are centred on 0, unsigned ones on the middle of their range
        lowest, highest = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        middle, half = (lowest + highest + 1) / 2, (highest - lowest + 1) / 2
        array = (array - middle) / half
    return array.astype(np.float32).T
