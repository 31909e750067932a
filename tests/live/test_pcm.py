"""Raw samples, wherever they are divided, and files that are sent instead."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.errors import AudioError
from kikitori.live.pcm import CONTAINERS, PcmStream

SAMPLES = np.arange(-3000, 3000, dtype="<i2")


def taken(data: bytes, step: int) -> np.ndarray:
    stream = PcmStream()
    return np.concatenate([stream.add(data[place : place + step]) for place in range(0, len(data), step)])


@pytest.mark.parametrize("step", [1, 2, 3, 5, 10**6])
@pytest.mark.parametrize("start", [b"", b"RI", b"RIFG", b"ID4", b"\x1aE\xdf\x00"])
def test_samples_are_the_same_wherever_they_are_divided(start, step):
    data = start + SAMPLES.tobytes()
    expected = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / np.float32(32768)
    np.testing.assert_array_equal(taken(data, step), expected)


@pytest.mark.parametrize("step", [1, 2, 3, 10**6])
@pytest.mark.parametrize("start", CONTAINERS)
def test_a_file_is_refused_wherever_its_header_is_divided(start, step):
    with pytest.raises(AudioError, match=f"begins as a {CONTAINERS[start]} file does"):
        taken(start + SAMPLES.tobytes(), step)
