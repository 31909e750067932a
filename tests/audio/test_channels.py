"""Whether each channel of a recording holds one speaker."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.channels import has_one_speaker_per_channel, split_or_mix
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
    assert has_one_speaker_per_channel(sound) is answer


def frames(*levels: tuple[int, float, float]) -> np.ndarray:
    """So many frames of 50 ms with these levels of the left and the right channel, in dB below the loudest."""
    parts = [np.tile([10 ** (-left / 20), 10 ** (-right / 20)], (count * 800, 1)) for count, left, right in levels]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("sound", "answer"),
    [
        (frames((50, 0, 12.01), (50, 12.01, 0)), True),
        (frames((50, 0, 11.99), (50, 12.01, 0)), False),
        (frames((50, 0, 12.01), (50, 11.99, 0)), False),
        (frames((75, 0, 30), (5, 30, 0), (20, 0, 0)), True),
        (frames((74, 0, 30), (5, 30, 0), (21, 0, 0)), False),
        (frames((96, 0, 30), (4, 30, 0)), False),
        (frames((4, 0, 30), (96, 30, 0)), False),
        (frames((50, 0, 40), (50, 40, 0), (900, 35.01, 35.01)), True),  # too quiet to count
        (frames((50, 0, 40), (50, 40, 0), (900, 34.99, 34.99)), False),
        (frames((50, 0, np.inf), (50, np.inf, 0)), True),  # digital silence on the other one
        (np.concatenate([frames((1, 0, 30), (1, 30, 0)), np.ones((799, 2))]), True),  # less than a frame at the end
    ],
)
def test_the_limits_of_one_speaker_a_channel(sound, answer):
    assert has_one_speaker_per_channel(sound) is answer


def test_only_the_beginning_decides(monkeypatch):
    monkeypatch.setattr("kikitori.audio.channels.PROBE_SECONDS", 1.0)
    taken = []

    def blocks():
        for block in (frames((10, 0, 30)), frames((10, 30, 0)), frames((20, 0, 0))):
            taken.append(len(block))
            yield block

    split, rest = split_or_mix(blocks(), None, [])
    assert split and taken == [8000, 8000]
    assert sum(map(len, rest)) == sum(taken) == 32000


@pytest.mark.parametrize("stereo_option", [True, False, None])
def test_probing_the_channels_loses_no_sample(stereo_option):
    sound = stereo(LEFT, RIGHT)
    split, blocks = split_or_mix(iter(np.array_split(sound, 7)), stereo_option, [])
    expected = sound if split else sound.mean(axis=1, keepdims=True)
    assert split is (stereo_option is not False)
    np.testing.assert_allclose(np.concatenate(list(blocks)), expected, atol=1e-7)


def test_three_channels_are_mixed():
    split, blocks = split_or_mix(iter([np.ones((4, 3), np.float32)]), None, [])
    assert not split
    assert [block.tolist() for block in blocks] == [[[1.0]] * 4]


def test_a_recording_without_blocks_is_not_stereo():
    split, blocks = split_or_mix(iter([]), None, [])
    assert split is False and list(blocks) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_a_recording_found_to_be_stereo_may_go_on_with_other_channels(monkeypatch, channels):
    """The rest is transcribed once: mixed into the first channel, with silence in the second."""
    monkeypatch.setattr("kikitori.audio.channels.PROBE_SECONDS", 5.0)
    call, rest = stereo(LEFT, RIGHT), np.full((100, channels), 0.5, np.float32)
    split, blocks = split_or_mix(iter([call, rest, call]), None, [])
    assert split
    first, second, third = blocks
    np.testing.assert_array_equal(first, call)
    np.testing.assert_array_equal(second, [[0.5, 0.0]] * 100)
    np.testing.assert_array_equal(third, call)


@pytest.mark.parametrize("channels", [1, 3])
def test_required_stereo_fails_where_it_ends_and_keeps_what_came_before(channels):
    call, rest = stereo(LEFT, RIGHT), np.ones((2, channels), np.float32)
    split, blocks = split_or_mix(iter([call[:80000], call[80000:160000], rest]), True, [])
    assert split
    np.testing.assert_array_equal(np.concatenate([next(blocks), next(blocks)]), call[:160000])
    with pytest.raises(AudioError, match=rf"has {channels} channel\(s\) at 0:10; one speaker per channel needs 2"):
        next(blocks)


def test_an_error_while_probing_comes_after_what_was_read_before_it():
    def failing():
        yield np.ones((4, 2), np.float32)
        raise AudioError("not_finite", name="call.wav")

    split, blocks = split_or_mix(failing(), None, [])
    assert not split
    assert next(blocks).tolist() == [[1.0]] * 4
    with pytest.raises(AudioError, match="not finite"):
        next(blocks)
