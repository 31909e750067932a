"""A file becomes a waveform or one clear sentence."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import av
import librosa
import numpy as np
import pytest
import soundfile
import soxr

from benchmarks.damage import by_ffmpeg
from kikitori.audio.checks import SAMPLE_RATE, check_waveform
from kikitori.audio.decoders import _drop_samples
from kikitori.audio.files import known_seconds, load_audio, stream_audio
from kikitori.audio.resample import resample_blocks, resample_waveform
from kikitori.errors import AudioError
from kikitori.strings import format_duration
from tests.support.sound_files import AV_CODECS, SOUNDFILE, encode, encode_silent_film, two_tones

RATE = 48000  # every codec takes it
CODEC_PADDING_SECONDS = 0.05
SUFFIXES = [*SOUNDFILE, *AV_CODECS]


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


def refusal(path, **options) -> AudioError:
    with pytest.raises(AudioError) as caught:
        load_audio(path, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + b"\1\2\3" * 4) * 4))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


# Decoding


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


# Files that cannot be opened


@pytest.mark.parametrize(
    "path",
    [
        "missing/clip.wav",
        "http://127.0.0.1:9/clip.wav",
        "pipe:0",
        "data:audio/wav;base64,UklGRg==",
        "x" * 300 + ".wav",
    ],
)
def test_paths_that_are_not_local_files(path):
    error = refusal(path)
    assert Path(path).name in str(error) and "check the path" in str(error)
    assert isinstance(error.__cause__, OSError)


@pytest.mark.parametrize("protocol", ["file:", "concat:", "subfile,,start,0,end,0,,:"])
def test_ffmpeg_protocols_are_taken_for_file_names(tmp_path, monkeypatch, protocol):
    encode(tmp_path / "clip.wav", two_tones(SAMPLE_RATE), SAMPLE_RATE)
    monkeypatch.chdir(tmp_path)
    assert "does not exist" in str(refusal(f"{protocol}clip.wav"))


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
    "list.wav": "ffconcat version 1.0\nfile '{}'\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_open_no_other_file(tmp_path, name):
    secret = encode(tmp_path / "secret.mp3", two_tones(RATE), RATE)
    playlist = write(tmp_path / name, PLAYLISTS[name].format(secret).encode())
    assert f"{name} cannot be decoded" in str(refusal(playlist))


def test_a_folder(tmp_path):
    assert f"{tmp_path.name} is a folder: name the recordings" in str(refusal(tmp_path))


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "pipe.wav is a device or a pipe: save" in str(refusal(tmp_path / "pipe.wav"))


@contextlib.contextmanager
def ordinary_user():
    """Run as another user than root, who may read everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_no_permission(locked):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path is closed to other users anyway
        path = encode(Path(folder) / "clip.wav", two_tones(SAMPLE_RATE), SAMPLE_RATE)
        path.chmod(0o000 if locked == "file" else 0o644)
        os.chmod(folder, 0o000 if locked == "folder" else 0o755)
        try:
            with ordinary_user():
                error = refusal(path)
        finally:
            os.chmod(folder, 0o700)
    assert "clip.wav may not be read: change its permissions" in str(error)
    assert isinstance(error.__cause__, PermissionError)


def test_an_empty_file(tmp_path):
    error = refusal(write(tmp_path / "clip.wav", b""))
    assert str(error) == "clip.wav is empty (0 bytes): record or copy it again"


# Files that cannot be decoded


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3"])
@pytest.mark.parametrize("data", [b"not a recording at all. " * 50, b"\0" * 5000, png()], ids=["text", "zeros", "png"])
def test_other_files_under_an_audio_name_cannot_be_decoded(tmp_path, data, suffix):
    error = refusal(write(tmp_path / f"clip{suffix}", data))
    assert f"clip{suffix} cannot be decoded" in str(error) and "save it as WAV" in str(error)


def test_a_film_without_sound(tmp_path):
    error = refusal(encode_silent_film(tmp_path / "film.mp4"))
    assert str(error) == "film.mp4 has no audio track: choose a file with sound"


def test_an_unknown_codec(tmp_path):
    data = encode(tmp_path / "clip.mkv", two_tones(RATE), RATE).read_bytes()
    assert data.count(b"A_PCM") == 1
    path = write(tmp_path / "clip.mkv", data.replace(b"A_PCM", b"A_XYZ"))
    assert "clip.mkv cannot be decoded" in str(refusal(path))


def test_an_audio_track_without_samples(tmp_path):
    empty_wav = encode(tmp_path / "clip.wav", np.zeros(0, np.float32), SAMPLE_RATE)
    data = encode(tmp_path / "clip.webm", two_tones(RATE), RATE).read_bytes()
    cluster = b"\x1f\x43\xb6\x75"  # Matroska: what holds the sound; here with a time stamp only
    head = data[: data.index(cluster)]
    empty_webm = write(tmp_path / "clip.webm", head + cluster + b"\x83\xe7\x81\x00")
    for path in (empty_wav, empty_webm):
        message = f"{path.name} has an audio track without samples: record it again"
        assert str(refusal(path)) == message


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_header_alone_yields_one_sentence(tmp_path, suffix):
    data = encode(tmp_path / f"whole{suffix}", two_tones(RATE), RATE).read_bytes()
    error = refusal(write(tmp_path / f"clip{suffix}", data[:60]))
    assert f"clip{suffix} " in str(error)


@pytest.mark.parametrize("suffix", [".flac", ".aac"])
def test_damage_is_reported_with_its_time(tmp_path, suffix):
    path = encode(tmp_path / f"clip{suffix}", two_tones(RATE, 4.0), RATE)
    data = path.read_bytes()
    rest = b"" if suffix == ".flac" else b"\x55" * 700 + data[len(data) // 2 + 700 :]
    error = refusal(write(path, data[: len(data) // 2] + rest))
    assert f"clip{suffix} is damaged after " in str(error) and "export it again" in str(error)
    assert isinstance(error.__cause__, av.error.FFmpegError)
    seconds = float(str(error).split("after ")[1].split(" s")[0])
    assert 1 < seconds < 3


@pytest.mark.parametrize("suffix", [".wav", ".aiff"])
def test_a_file_shorter_than_its_header_says_is_damaged(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, two_tones(RATE, 4.0), RATE)
    data = path.read_bytes()
    error = refusal(write(path, data[: len(data) // 2]))
    assert str(error) == f"clip{suffix} is damaged after 1.99 s: export it again or cut it there"


@pytest.mark.parametrize("claimed", [0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_from_a_pipe_is_whole(tmp_path, claimed):
    """A program that writes to a pipe cannot correct the length in the header afterwards."""
    whole = encode(tmp_path / "whole.wav", two_tones(RATE), RATE)
    data = whole.read_bytes()
    size = data.index(b"data") + 4
    piped = write(tmp_path / "piped.wav", data[:size] + claimed.to_bytes(4, "little") + data[size + 4 :])
    np.testing.assert_array_equal(load_audio(piped), load_audio(whole))


# Sound that cannot hold speech


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


# Limits


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_limit_separates_shorter_and_longer_files(tmp_path, suffix):
    path = encode(tmp_path / f"clip{suffix}", two_tones(RATE), RATE)
    assert len(load_audio(path, max_seconds=2 + CODEC_PADDING_SECONDS)) >= 31000
    message = str(refusal(path, max_seconds=1.5))
    assert f"clip{suffix} is " in message
    assert "the limit is 1.5 s: cut it" in message


def test_the_error_names_the_length_if_the_header_has_it(tmp_path):
    path = encode(tmp_path / "call.wav", np.zeros(1004000, np.float32), 8000)  # 125.5 s
    assert str(refusal(path, max_seconds=60)) == (
        "call.wav is 2 min 5 s long; the limit is 1 min: cut it into shorter recordings"
    )
    assert "is more than 2 min 5 s long; the limit is 2 min 5 s" in str(refusal(path, max_seconds=125.25))


def count_decoding(monkeypatch) -> list[int]:
    """Return a list that gets the number of frames of every block that soxr is given from now on."""
    import soxr

    sizes = []

    class Counting(soxr.ResampleStream):
        def resample_chunk(self, block, last=False):
            sizes.append(len(block))
            return super().resample_chunk(block, last=last)

    monkeypatch.setattr(soxr, "ResampleStream", Counting)
    return sizes


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg"])
def test_a_long_file_is_refused_by_its_header(tmp_path, monkeypatch, suffix):
    path = encode(tmp_path / f"clip{suffix}", two_tones(RATE, 20.0), RATE)
    sizes = count_decoding(monkeypatch)
    refusal(path, max_seconds=10)
    assert sum(sizes) == 0


@pytest.mark.parametrize("suffix", [".m4a", ".webm", ".mkv"])
def test_a_long_file_without_a_trusted_header_is_decoded_up_to_the_limit(tmp_path, monkeypatch, suffix):
    path = encode(tmp_path / f"clip{suffix}", two_tones(RATE, 20.0), RATE)
    sizes = count_decoding(monkeypatch)
    assert "is more than 2 s long; the limit is 2 s" in str(refusal(path, max_seconds=2))
    assert 1.8 * RATE < sum(sizes) <= 2 * RATE


def test_a_header_that_claims_less_than_there_is(tmp_path):
    data = bytearray(encode(tmp_path / "clip.m4a", two_tones(RATE, 20.0), RATE).read_bytes())
    for box, field in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20)):
        start = data.index(box) + field
        data[start : start + 4] = struct.pack(">I", 1)
    path = write(tmp_path / "liar.m4a", data)
    with av.open(str(path)) as container:
        assert container.duration < 1_000_000  # microseconds
    assert "liar.m4a is more than 2 s long" in str(refusal(path, max_seconds=2))


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_limit_that_is_not_positive_is_the_callers_bug(tmp_path, limit):
    path = encode(tmp_path / "clip.wav", two_tones(SAMPLE_RATE), SAMPLE_RATE)
    assert len(load_audio(encode(tmp_path / "short.wav", two_tones(8000, 0.5), 8000), max_seconds=0.5)) == 8000
    with pytest.raises(ValueError, match="max_seconds must be positive"):
        load_audio(path, max_seconds=limit)


# Arrays from a caller


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


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.05, "0.05 s"),
        (0.1, "0.1 s"),
        (0.0999, "0.09 s"),
        (0.29, "0.29 s"),
        (1.5, "1.5 s"),
        (9.999, "9.99 s"),
        (10.4, "10 s"),
        (31, "31 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3599.9, "59 min 59 s"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (7859, "2 h 10 min"),
        (360000, "100 h"),
    ],
)
def test_durations_in_at_most_two_units(seconds, words):
    assert format_duration(seconds) == words
