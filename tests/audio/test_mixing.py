"""Channels are averaged, and one is left out where two would cancel each other."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from kikitori.audio.channels import split_or_mix
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio, open_recording
from kikitori.audio.mixing import mix_down
from kikitori.errors import AudioError
from tests.support.recordings import example
from tests.support.sound_files import encode

CALL = load_audio(example("call_appointment").path)
HISS = np.random.default_rng(0).normal(0, 0.05, len(CALL)).astype(np.float32)


def mixed(sound: np.ndarray, size: int) -> tuple[np.ndarray, list]:
    """The mono sound and the warnings, if the sound comes in blocks of this many samples."""
    warnings = []
    blocks = ((sound[start : start + size], SAMPLE_RATE) for start in range(0, len(sound), size))
    return np.concatenate([block for block, _ in mix_down(blocks, warnings)])[:, 0], warnings


@pytest.mark.parametrize("size", [160, 1024, 32768])
@pytest.mark.parametrize("gain", [-1.0, -0.9, -1.1])
def test_the_left_channel_replaces_two_that_cancel(size, gain):
    mono, (warning,) = mixed(np.stack([CALL, gain * CALL], axis=1), size)
    np.testing.assert_array_equal(mono, CALL)
    assert (warning.kind, warning.start_seconds) == ("opposite_channels", 0.0)
    assert warning.message.startswith("0:00: from here on the two channels have opposite polarity")


@pytest.mark.parametrize(
    "right",
    [CALL, 0 * CALL, 0.5 * CALL, -0.5 * CALL, HISS, HISS - CALL, np.roll(CALL, 8), -np.roll(CALL, 160)],
    ids=["the same", "silent", "softer", "softer and opposite", "hiss", "hiss over", "later", "opposite, later"],
)
def test_ordinary_stereo_is_averaged(right):
    sound = np.stack([CALL, right], axis=1)
    mono, warnings = mixed(sound, 1024)
    np.testing.assert_array_equal(mono, sound.mean(axis=1))
    assert warnings == []


def test_channels_may_begin_and_cease_to_cancel():
    """The decision is made for each second; a pause is mixed like what came before it."""
    second = np.sin(np.arange(SAMPLE_RATE) / 9).astype(np.float32)
    hiss = 1e-4 * second
    parts = [
        (hiss, 0 * hiss),
        (second, second),
        (second, -second),
        (hiss, 0 * hiss),
        (second, -second),
        (second, 0.2 * second),
    ]
    sound = np.concatenate([np.stack(part, axis=1) for part in parts])
    mono, (warning,) = mixed(sound, 1600)
    expected = np.concatenate([0.5 * hiss, second, second, hiss, second, 0.6 * second])
    np.testing.assert_allclose(mono, expected, atol=1e-6)
    assert warning.start_seconds == 2.0


def test_blocks_of_other_channels_between_two_keep_their_order():
    blocks = [np.full((4, channels), number, np.float32) for number, channels in enumerate((2, 1, 2, 3, 2, 2))]
    values = [block[0, 0] for block, _ in mix_down(((block, SAMPLE_RATE) for block in blocks), [])]
    assert values == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("samples", [[3], [2, 4], [1, 2, 6], [0, 1, 2, 9]])
def test_any_number_of_channels_is_averaged(samples):
    warnings = []
    blocks = [(np.array([samples] * length, np.float32), 8000) for length in (1, 2, 5)]
    assert [(block.tolist(), rate) for block, rate in mix_down(blocks, warnings)] == [
        ([[3.0]] * length, 8000) for length in (1, 2, 5)
    ]
    assert warnings == []


def test_the_warning_has_the_time_in_milliseconds():
    warnings = []
    blocks = [np.ones((1234, 1), np.float32), np.tile(np.float32([0.5, -0.5]), (1000, 1))]
    list(mix_down([(block, SAMPLE_RATE) for block in blocks], warnings))
    assert [(warning.start_seconds, warning.end_seconds) for warning in warnings] == [(0.077, 0.077)]


def test_an_error_comes_after_what_was_read_before_it():
    def failing():
        yield np.ones((4, 2), np.float32), 8000
        raise AudioError("not_finite", name="call.wav")

    blocks = mix_down(failing(), [])
    assert next(blocks)[0].tolist() == [[1.0]] * 4
    with pytest.raises(AudioError, match="not finite"):
        next(blocks)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".wav", ".m4a"])
def test_a_file_of_opposite_channels_is_not_silent(tmp_path, suffix):
    path = encode(tmp_path / f"call{suffix}", np.stack([CALL, -CALL], axis=1), SAMPLE_RATE)
    mono = open_recording(path)
    sound = np.concatenate(list(mono.blocks))[:, 0]
    assert np.std(sound[: len(CALL)]) == pytest.approx(np.std(CALL), rel=0.05)
    assert [warning.kind for warning in mono.warnings] == ["opposite_channels"]

    both = open_recording(path, mono=False)
    is_stereo, blocks = split_or_mix(both.blocks, None, both.warnings)
    np.testing.assert_allclose(np.concatenate(list(blocks))[:, 0], sound, atol=1e-6)
    assert not is_stereo and [warning.kind for warning in both.warnings] == ["opposite_channels"]


def test_a_call_with_one_speaker_per_channel_stays_as_it_is(tmp_path):
    silent = np.zeros_like(CALL)
    sound = np.concatenate([np.stack([CALL, silent], axis=1), np.stack([silent, CALL], axis=1)])
    soundfile.write(tmp_path / "call.wav", sound, SAMPLE_RATE, subtype="FLOAT")
    recording = open_recording(tmp_path / "call.wav", mono=False)
    is_stereo, blocks = split_or_mix(recording.blocks, None, recording.warnings)
    np.testing.assert_array_equal(np.concatenate(list(blocks)), sound)
    assert is_stereo and recording.warnings == []
