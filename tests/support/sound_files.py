"""Sound files for tests: a signal that is easy to recognise, in any container."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from kikitori.audio.files import load_audio
from kikitori.errors import AudioError

# libsndfile writes these suffixes; PyAV writes those in AV_CODECS.
SOUNDFILE = {
    ".wav": {"subtype": "PCM_16"},
    ".flac": {"subtype": "PCM_16"},
    ".mp3": {"format": "MP3"},
    ".ogg": {"format": "OGG", "subtype": "VORBIS"},
    ".opus": {"format": "OGG", "subtype": "OPUS"},
}
AV_CODECS = {
    ".m4a": "aac",
    ".aac": "aac",
    ".mp4": "aac",
    ".mov": "pcm_s16le",
    ".mkv": "pcm_u8",
    ".webm": "libopus",
}
SUFFIXES = [*SOUNDFILE, *AV_CODECS]
RATE = 48000  # every codec takes it
CODEC_PADDING_SECONDS = 0.05
WITH_PICTURES = (".mp4", ".mov")
BLOCK_FRAMES = 4096


def two_tones(rate: int, seconds: float = 2.0) -> np.ndarray:
    """Return 440 Hz, and 880 Hz from the middle on: float32 of shape (samples,), peak 0.3."""
    time = np.arange(round(rate * seconds)) / rate
    hertz = np.where(time < seconds / 2, 440, 880)
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def encode(path: Path, waveform: np.ndarray, rate: int) -> Path:
    """Write a waveform of shape (samples,) or (samples, channels) in the codec of the suffix.

    Opus (.opus, .webm) takes 8, 12, 16, 24 or 48 kHz. .mp4 and .mov also get a video track.
    """
    if path.suffix in SOUNDFILE:
        return _encode_with_soundfile(path, waveform, rate)
    layout = "mono" if waveform.ndim == 1 else "stereo"
    with av.open(str(path), "w") as container:
        sound = container.add_stream(AV_CODECS[path.suffix], rate=rate, layout=layout)
        pictures = _picture_stream(container) if path.suffix in WITH_PICTURES else None
        _mux(container, sound, _sound_frames(waveform, rate, layout))
        if pictures:
            _mux(container, pictures, _black_frames())
    return path


def encode_tracks(path: Path, sounds: Iterable[np.ndarray], rate: int, names: Iterable[dict[str, str]] = ()) -> Path:
    """Write several mono waveforms as the audio tracks of a Matroska file, interleaved as a player needs them.

    names: for each track, in this order, a language and a title.
    """
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for _ in sounds]
        for stream, name in zip(streams, names, strict=False):
            stream.metadata.update(name)
        packets = []
        for stream, sound in zip(streams, sounds, strict=True):
            for frame in chain(_sound_frames(sound, rate, "mono"), [None]):
                packets += stream.encode(frame)
        for packet in sorted(packets, key=lambda packet: packet.pts * packet.time_base):
            container.mux(packet)
    return path


def encode_silent_film(path: Path) -> Path:
    """Write a video without an audio track."""
    with av.open(str(path), "w") as container:
        _mux(container, _picture_stream(container), _black_frames())
    return path


def _encode_with_soundfile(path: Path, waveform: np.ndarray, rate: int) -> Path:
    channels = 1 if waveform.ndim == 1 else waveform.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, **SOUNDFILE[path.suffix]) as sound:
        # In blocks: libsndfile 1.2.2 crashes when it is given minutes of Vorbis at once.
        for start in range(0, len(waveform), BLOCK_FRAMES):
            sound.write(waveform[start : start + BLOCK_FRAMES])
    return path


def _sound_frames(waveform: np.ndarray, rate: int, layout: str) -> Iterator[av.AudioFrame]:
    planes = np.atleast_2d(waveform.T).astype(np.float32)
    for start in range(0, len(waveform), BLOCK_FRAMES):
        block = np.ascontiguousarray(planes[:, start : start + BLOCK_FRAMES])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate, start
        yield frame


def _picture_stream(container) -> av.VideoStream:
    return container.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")


def _black_frames() -> list[av.VideoFrame]:
    return [av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8)) for _ in range(5)]


def _mux(container, stream, frames: Iterable) -> None:
    for frame in chain(frames, [None]):  # None flushes the encoder
        for packet in stream.encode(frame):
            container.mux(packet)


def refusal(path, **options) -> AudioError:
    with pytest.raises(AudioError) as caught:
        load_audio(path, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
