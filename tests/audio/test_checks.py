"""Sound that cannot hold speech, and arrays from a caller."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import soxr

from kikitori.audio.checks import SAMPLE_RATE, check_waveform
from kikitori.audio.files import load_audio
from kikitori.audio.resample import resample_blocks, resample_waveform
from kikitori.errors import AudioError
from tests.support.sound_files import encode, refusal, two_tones


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("rate", [8000, SAMPLE_RATE])
def test_samples_that_are_not_finite_numbers(tmp_path, value, rate):
    sound = two_tones(rate)
    sound[1000] = value
    soundfile.write(tmp_path / "clip.wav", sound, rate, subtype="FLOAT")
    assert "clip.wav holds samples that are not finite numbers" in str(refusal(tmp_path / "clip.wav"))


def test_too_short(tmp_path):
    path = encode(tmp_path / "clip.wav", two_tones(SAMPLE_RATE, 0.05), SAMPLE_RATE)
    assert str(refusal(path)) == (
        "clip.wav is 0.05 s long; the shortest that can be transcribed is 0.1 s: record a longer one"
    )


def test_the_shortest_and_one_sample_less():
    sound = two_tones(SAMPLE_RATE)
    assert len(check_waveform(sound[:1600], "clip")) == 1600
    with pytest.raises(AudioError, match=r"clip is 0\.09 s long"):
        check_waveform(sound[:1599], "clip")


def test_silent(tmp_path):
    path = encode(tmp_path / "clip.wav", np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)
    message = str(refusal(path))
    assert "clip.wav is silent: its peak is digital zero" in message
    assert "more than -60 dBFS: check the microphone" in message


def test_the_quietest_and_one_decibel_less():
    unit = two_tones(SAMPLE_RATE) / np.abs(two_tones(SAMPLE_RATE)).max()
    assert len(check_waveform(unit * 10 ** (-59 / 20), "clip")) == len(unit)
    with pytest.raises(AudioError, match=r"its peak is -61\.0 dBFS"):
        check_waveform(unit * 10 ** (-61 / 20), "clip")


@pytest.mark.parametrize(
    ("waveform", "reason"),
    [
        (np.ones(9, np.int16), r"not one of shape \(9,\) and dtype int16: divide it by 32768$"),
        (np.ones(9, np.int32), r"dtype int32: divide it by 2147483648$"),
        (np.ones((9, 2), np.int16), r"shape \(9, 2\) and dtype int16: divide it by 32768$"),
        (np.ones(9, np.uint8), r"dtype uint8: subtract 128, then divide by 128$"),
        (np.ones((9, 2), np.float32), r"shape \(9, 2\) and dtype float32: average its channels first$"),
        (np.ones(9, np.complex64), r"not one of shape \(9,\) and dtype complex64$"),
        (np.ones(9, bool), r"dtype bool$"),
        (np.float32(0.5), r"not one of shape \(\) and dtype float32$"),
        (None, r"dtype object$"),
        ((SAMPLE_RATE, np.ones(9, np.float32)), "not a tuple: pass the array alone, and its rate as the sample rate$"),
        ([[0.1], [0.1, 0.2]], r"not a list that numpy cannot convert \("),
    ],
)
@pytest.mark.parametrize("check", [check_waveform, lambda waveform, name: resample_waveform(waveform, 8000, name)])
def test_an_array_of_another_shape_or_kind_is_one_clear_value_error(check, waveform, reason):
    with pytest.raises(
        ValueError, match=rf"^the array must be a one-dimensional array of floats in \[-1, 1\], .*{reason}"
    ):
        check(waveform, "the array")


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_a_resampled_waveform_equals_the_resampled_file(tmp_path, rate):
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * rate + 17).astype(np.float32)
    soundfile.write(tmp_path / "clip.wav", noise, rate, subtype="FLOAT")
    resampled = resample_waveform(noise, rate)
    assert resampled.dtype == np.float32
    np.testing.assert_array_equal(resampled, load_audio(tmp_path / "clip.wav"))
    in_one_piece = soxr.resample(noise, rate, SAMPLE_RATE, "HQ")
    np.testing.assert_allclose(resampled[: len(in_one_piece)], in_one_piece, atol=1e-6)


def test_a_waveform_at_16_khz_is_resampled_to_itself():
    sound = two_tones(SAMPLE_RATE)
    np.testing.assert_array_equal(resample_waveform(sound, SAMPLE_RATE), sound)
    assert len(resample_waveform(two_tones(48000), 48000)) == 32000


def test_an_empty_waveform_is_resampled_to_an_empty_one():
    assert resample_waveform(np.zeros(0, np.float32), 8000).shape == (0,)


@pytest.mark.parametrize("rate", [0, -8000, float("nan"), float("inf")])
def test_a_rate_that_is_not_positive_is_the_callers_bug(rate):
    with pytest.raises(
        ValueError, match=f"the sample rate of the waveform must be a positive number of Hz, not {rate}"
    ):
        resample_waveform(two_tones(8000), rate)


def test_a_rate_below_that_of_speech():
    with pytest.raises(AudioError, match="my call has 3999 samples per second; speech needs at least 4000"):
        resample_waveform(two_tones(3999), 3999, "my call")
    assert len(resample_waveform(two_tones(4000), 4000)) == 32000


def test_blocks_of_another_rate_may_be_as_long_as_the_limit_and_no_longer():
    blocks = [(two_tones(8000)[:, np.newaxis], 8000)] * 2
    assert sum(map(len, resample_blocks(blocks, "my call", 4.0))) == 4 * SAMPLE_RATE
    with pytest.raises(AudioError, match=r"my call is more than 3\.99 s long"):
        list(resample_blocks(blocks, "my call", 3.9999))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_arrays_become_float32_and_stay_unchanged(dtype):
    sound = 2 * two_tones(SAMPLE_RATE).astype(dtype) / dtype(0.3)
    before = sound.copy()
    waveform = check_waveform(sound, "the array")
    assert waveform.dtype == np.float32 and np.abs(waveform).max() == 1
    np.testing.assert_array_equal(sound, before)


def test_an_array_of_three_seconds_is_unchanged_if_they_are_allowed():
    sound = two_tones(SAMPLE_RATE, 3.0)
    np.testing.assert_array_equal(check_waveform(sound, "the array", max_seconds=3), sound)
    with pytest.raises(AudioError, match="the array is 3 s long; the limit is 2 s"):
        check_waveform(two_tones(SAMPLE_RATE, 3.0), "the array", max_seconds=2)


def test_an_empty_array():
    with pytest.raises(AudioError, match="the array is 0 s long"):
        check_waveform(np.zeros(0, np.float32), "the array")
