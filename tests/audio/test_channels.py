"""Whether each channel of a recording holds one speaker."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.channels import has_one_speaker_a_channel, split_or_mix
from kikitori.audio.files import load_audio
from kikitori.errors import AudioError
from tests.support.recordings import example

CALL = load_audio(example("call_appointment").path)
QUIET = np.random.default_rng(0).normal(0, 1e-4, len(CALL)).astype(np.float32)
LEFT, RIGHT = np.concatenate([CALL, QUIET, CALL]), np.concatenate([QUIET, CALL, QUIET])


def stereo(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1)


@pytest.mark.parametrize(
    ("sound", "answer"),
    [
        (stereo(LEFT, RIGHT), True),
        (stereo(LEFT + 0.05 * RIGHT, RIGHT + 0.05 * LEFT), True),  # a faint echo of the other
        (stereo(LEFT, LEFT), False),  # mono in two channels
        (stereo(LEFT, 0.05 * LEFT), False),  # one microphone far from everything
        (stereo(LEFT + 0.5 * RIGHT, RIGHT + 0.5 * LEFT), False),  # two microphones in one room
        (stereo(LEFT, np.zeros_like(LEFT)), False),
        (np.zeros((16000, 2), np.float32), False),
        (np.zeros((10, 2), np.float32), False),
    ],
)
def test_one_speaker_a_channel(sound, answer):
    assert has_one_speaker_a_channel(sound) is answer


@pytest.mark.parametrize("said", [True, False, None])
def test_no_sample_is_lost_by_listening_first(said):
    sound = stereo(LEFT, RIGHT)
    split, blocks = split_or_mix(iter(np.array_split(sound, 7)), said)
    expected = sound if split else sound.mean(axis=1, keepdims=True)
    assert split is (said is not False)
    np.testing.assert_allclose(np.concatenate(list(blocks)), expected, atol=1e-7)


def test_what_is_not_two_channels_is_mixed():
    split, blocks = split_or_mix(iter([np.ones((4, 3), np.float32)]), None)
    assert not split
    assert [block.tolist() for block in blocks] == [[[1.0]] * 4]


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_that_are_not_there_are_told(channels):
    _, blocks = split_or_mix(iter([np.ones((2, channels), np.float32)]), True)
    with pytest.raises(AudioError, match=rf"has {channels} channel.s., and --stereo needs 2: use --no-stereo"):
        list(blocks)
