"""The limit on a recording's length, and durations in words."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.strings import format_duration
from tests.support.sound_files import CODEC_PADDING_SECONDS, RATE, SUFFIXES, encode, refusal, two_tones, write


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
