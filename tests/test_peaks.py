"""The outline of a recording equals the maxima of its decoded sound, whatever the file and the size of its blocks."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.files import SAMPLE_RATE, load_audio, stream_audio
from kikitori.peaks import FIRST_LEVELS, Peaks
from tests.support.recordings import example, one_recording
from tests.support.sound_files import encode, two_tones


def expected(sound: np.ndarray, each: int) -> list[int]:
    """The largest absolute sample of each part, of all channels. sound: (samples, channels)."""
    parts = [sound[start : start + each] for start in range(0, len(sound), each)]
    return [round(255 * min(1.0, float(np.abs(part).max()))) for part in parts]


def outline(blocks) -> Peaks:
    peaks = Peaks()
    for _ in peaks.watch(blocks):
        pass
    return peaks


@pytest.mark.parametrize("name", ["call_appointment", "portuguese_daily"])
def test_levels_are_the_maxima_of_the_decoded_file(name):
    path = example(name).path
    peaks = outline(stream_audio(path))
    assert list(peaks.levels) == expected(load_audio(path)[:, np.newaxis], peaks.samples_per_level)
    assert max(peaks.levels) > 50


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".m4a", ".mp4", ".webm", ".mp3"])
def test_every_format_has_levels(tmp_path, suffix):
    """Also those that no browser or libsndfile reads. The second of silence in the middle is seen."""
    tone = two_tones(SAMPLE_RATE)
    sound = np.concatenate([tone, np.zeros(SAMPLE_RATE, np.float32), tone])
    peaks = outline(stream_audio(encode(tmp_path / f"sound{suffix}", sound, SAMPLE_RATE)))
    levels = np.frombuffer(peaks.levels, np.uint8).astype(int)
    seconds = peaks.samples_per_level / SAMPLE_RATE
    tones, silence = (levels[int(start / seconds) : int((start + 0.6) / seconds)] for start in (1.2, 2.2))
    assert tones.min() > 0.2 * 255
    assert silence.max() < 0.05 * 255


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("size", "length"), [(1, 500), (159, 5000), (48_001, 70 * SAMPLE_RATE + 1)])
def test_the_size_of_the_blocks_changes_nothing(channels, size, length):
    rng = np.random.default_rng(size)
    sound = rng.uniform(-1.2, 1.2, (length, channels)).astype(np.float32) * np.linspace(0, 1, length)[:, np.newaxis]
    peaks = outline(sound[start : start + size] for start in range(0, length, size))
    assert list(peaks.levels) == expected(sound, peaks.samples_per_level)


@pytest.mark.parametrize(
    ("samples", "each", "count"),
    [
        (0, 160, 0),
        (1, 160, 1),
        (FIRST_LEVELS * 160, 160, FIRST_LEVELS),
        (FIRST_LEVELS * 160 + 1, 320, FIRST_LEVELS // 2 + 1),
        (FIRST_LEVELS * 640 + 1, 640, FIRST_LEVELS + 1),
        (4 * 3600 * SAMPLE_RATE, 640, 360_000),
    ],
)
def test_levels_are_halved_while_they_are_few_and_finer_than_needed(samples, each, count):
    block = np.full((60 * SAMPLE_RATE, 1), -0.5, np.float32)
    peaks = outline(block[: samples - start] for start in range(0, samples, len(block)))
    assert peaks.samples_per_level == each
    assert list(peaks.levels) == [128] * count


def test_settled_levels_stay():
    sound = np.random.default_rng(0).uniform(-1, 1, (200 * SAMPLE_RATE, 1)).astype(np.float32)
    peaks, before, settled = Peaks(), b"", []
    for start in range(0, len(sound), 30_001):
        peaks.add(sound[start : start + 30_001])
        assert peaks.levels.startswith(before)
        settled.append(peaks.settled)
        before = peaks.levels[: peaks.settled]
    assert settled[0] == 0 and settled[-1] == 200 * 25


def test_blocks_pass_unchanged():
    blocks = list(stream_audio(one_recording("pt").path))
    assert [np.array_equal(*pair) for pair in zip(Peaks().watch(blocks), blocks, strict=True)] == [True] * len(blocks)
