"""A file becomes a waveform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile

from benchmarks.damage import by_ffmpeg
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.decoders import _drop_samples
from kikitori.audio.files import known_seconds, load_audio, stream_audio
from tests.support.sound_files import CODEC_PADDING_SECONDS, RATE, SUFFIXES, encode, refusal, two_tones, write


def dominant_hertz(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(waveform))


def best_match(waveform: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Correlation in [-1, 1] at the best alignment, and that alignment's lag in seconds."""
    size = len(waveform) + len(expected)
    spectra = np.fft.rfft(waveform, size) * np.conj(np.fft.rfft(expected, size))
    correlation = np.fft.irfft(spectra, size)
    lag = int(np.argmax(correlation))
    score = correlation[lag] / np.linalg.norm(waveform) / np.linalg.norm(expected)
    return float(score), (lag if lag < size / 2 else lag - size) / SAMPLE_RATE


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_keeps_the_sound(tmp_path, suffix, channels):
    tones = two_tones(RATE)
    sound = tones if channels == 1 else np.stack([tones, 0.5 * tones], axis=1)
    waveform = load_audio(encode(tmp_path / f"clip{suffix}", sound, RATE))

    expected = two_tones(SAMPLE_RATE) * (1 if channels == 1 else 0.75)  # channels are averaged
    assert waveform.dtype == np.float32 and waveform.ndim == 1
    assert len(waveform) / SAMPLE_RATE == pytest.approx(2, abs=CODEC_PADDING_SECONDS)
    assert dominant_hertz(waveform[1600:14400]) == pytest.approx(440, abs=2)
    assert dominant_hertz(waveform[17600:30400]) == pytest.approx(880, abs=2)
    correlation, lag_seconds = best_match(waveform, expected)
    assert correlation > 0.97
    assert abs(lag_seconds) < CODEC_PADDING_SECONDS
    assert np.std(waveform) == pytest.approx(np.std(expected), rel=0.03)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mkv", ".mov"])
def test_uncompressed_sound_is_exact_within_its_word_length(tmp_path, suffix):
    sound = two_tones(SAMPLE_RATE)
    waveform = load_audio(encode(tmp_path / f"clip{suffix}", sound, SAMPLE_RATE))
    step = 1 / 128 if suffix == ".mkv" else 1 / 32768  # .mkv is written with 8 bits
    assert np.abs(waveform - sound).max() <= step


@pytest.mark.slow
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_samples_equal_librosa_load(tmp_path, rate):
    # Longer than a block, and of a length at which soxr alone gives one sample less.
    samples = 3 * rate + 17
    noise = np.random.default_rng(0).normal(0, 0.1, (samples, 2)).astype(np.float32)
    path = encode(tmp_path / "clip.wav", noise, rate)
    expected, _ = librosa.load(path, sr=SAMPLE_RATE)
    np.testing.assert_array_equal(load_audio(path), expected)


def test_the_suffix_of_a_name_does_not_matter(tmp_path):
    sound = two_tones(SAMPLE_RATE)
    expected = load_audio(encode(tmp_path / "clip.wav", sound, SAMPLE_RATE))
    for name in ("clip.raw", "clip.mp3", "clip", "clip.txt"):
        copy = write(tmp_path / name, (tmp_path / "clip.wav").read_bytes())
        np.testing.assert_array_equal(load_audio(copy), expected)


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".opus"])
def test_joined_files_are_read_to_the_end(tmp_path, suffix):
    single = encode(tmp_path / f"single{suffix}", two_tones(RATE), RATE).read_bytes()
    waveform = load_audio(write(tmp_path / f"joined{suffix}", single + single))
    assert len(waveform) / SAMPLE_RATE == pytest.approx(4, abs=3 * CODEC_PADDING_SECONDS)


@pytest.mark.parametrize("given", [0, 1, 3, 4, 5, 9, 10, 12])
def test_the_second_decoder_resumes_where_the_first_ended(given):
    blocks = [(np.arange(start, end)[:, np.newaxis], 8000) for start, end in ((0, 4), (4, 5), (5, 10))]
    kept = [sample for block, _ in _drop_samples(blocks, given) for sample in block[:, 0].tolist()]
    assert kept == list(range(given, 10))


def test_a_tag_at_the_end_of_an_mp3_changes_nothing(tmp_path):
    plain = encode(tmp_path / "plain.mp3", two_tones(RATE), RATE)
    tagged = write(tmp_path / "tagged.mp3", plain.read_bytes() + b"TAG" + b"x" * 125)
    np.testing.assert_array_equal(load_audio(tagged), load_audio(plain))


def test_joined_aac_files_of_two_rates_keep_their_pitch(tmp_path):
    high = encode(tmp_path / "high.aac", two_tones(44100), 44100).read_bytes()
    low = encode(tmp_path / "low.aac", two_tones(22050), 22050).read_bytes()
    waveform = load_audio(write(tmp_path / "joined.aac", high + low))
    assert len(waveform) / SAMPLE_RATE == pytest.approx(4, abs=4 * CODEC_PADDING_SECONDS)
    tones = [dominant_hertz(waveform[start : start + 11200]) for start in (2400, 18400, 34400)]
    assert tones == pytest.approx([440, 880, 440], abs=3)

    three = write(tmp_path / "three.aac", high + low + high)
    assert len(load_audio(three, max_seconds=6.3)) > 5.9 * SAMPLE_RATE
    refusal(three, max_seconds=5)


def test_the_length_is_known_where_the_header_has_it(tmp_path):
    for suffix, seconds in ((".wav", 3.0), (".flac", 3.0), (".m4a", None)):
        assert known_seconds(encode(tmp_path / f"clip{suffix}", two_tones(RATE, 3.0), RATE)) == seconds
    assert known_seconds(write(tmp_path / "piped.flac", by_ffmpeg("flac", "flac", is_piped=True))) is None
    assert known_seconds(tmp_path / "missing.wav") is None


def test_a_stream_of_blocks_is_mono_unless_the_channels_are_wanted(tmp_path):
    path = encode(tmp_path / "clip.wav", np.stack([two_tones(RATE)] * 2, axis=1), RATE)
    assert [next(stream_audio(path, **options)).shape[1] for options in ({}, {"mono": False})] == [1, 2]


def test_flac_from_a_pipe_is_read_to_the_end(tmp_path):
    data = bytearray(encode(tmp_path / "clip.flac", two_tones(RATE), RATE).read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count the samples: 0 is "unknown"
    data[22:26] = bytes(4)
    waveform = load_audio(write(tmp_path / "piped.flac", data), max_seconds=3)
    np.testing.assert_array_equal(waveform, load_audio(tmp_path / "clip.flac"))


@pytest.mark.parametrize("container", ["NIST", "PAF", "VOC"])
def test_formats_that_libsndfile_alone_reads(tmp_path, container):
    sound = two_tones(SAMPLE_RATE)
    soundfile.write(tmp_path / "clip", sound, SAMPLE_RATE, "PCM_16", format=container)
    np.testing.assert_allclose(load_audio(tmp_path / "clip"), sound, atol=1e-4)


def test_a_title_that_is_not_utf8_is_no_obstacle(tmp_path):
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "MARKED"
        stream = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(two_tones(SAMPLE_RATE)[None], format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    data = path.read_bytes()
    assert data.count(b"MARKED") == 1
    waveform = load_audio(write(path, data.replace(b"MARKED", b"\xff\xfe\xfd\xfc\xfb\xfa")))
    assert len(waveform) == 2 * SAMPLE_RATE


def test_a_peak_above_one_is_divided_away(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, 5 * two_tones(SAMPLE_RATE), SAMPLE_RATE, subtype="FLOAT")
    waveform = load_audio(path)
    assert np.abs(waveform).max() == 1
    assert best_match(waveform, two_tones(SAMPLE_RATE)) == (pytest.approx(1), 0)


def test_importing_the_module_loads_no_decoder():
    names = ("soundfile", "soxr", "av", "librosa", "torch")
    code = f"import sys, kikitori.audio.files; print([n for n in {names} if n in sys.modules])"
    root = Path(__file__).parents[2]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
