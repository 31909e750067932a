"""Files that cannot be opened or decoded: each is one clear sentence."""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from tests.support.sound_files import (
    RATE,
    SUFFIXES,
    encode,
    encode_silent_film,
    refusal,
    two_tones,
    write,
)


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + b"\1\2\3" * 4) * 4))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


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


@pytest.mark.slow
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
