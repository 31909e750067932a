"""How often a truncated recording is named as damaged, for every container: `python -m benchmarks.damage`.

Each file is cut at 30 places from a fixed seed, and its last byte is dropped. Nothing is transcribed.
"""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
import soundfile

from kikitori.audio.files import SAMPLE_RATE, stream_audio
from kikitori.errors import AudioError, DamagedError

SECONDS = 3.0
CUTS = 30
FRAME_SAMPLES = 1024
"""Of an FFmpeg encoder that takes any number."""


def sound(rate: int) -> np.ndarray:
    """Return noise, because each second of it takes the same number of bytes: float32 of shape (samples,)."""
    return np.random.default_rng(0).normal(0, 0.1, round(rate * SECONDS)).astype(np.float32)


def by_libsndfile(container: str, subtype: str = "PCM_16", rate: int = 48000) -> bytes:
    """Encode the sound with libsndfile."""
    data = io.BytesIO()
    with soundfile.SoundFile(data, "w", rate, 1, subtype, format=container) as file:
        for block in np.array_split(sound(rate), 100):  # libsndfile 1.2.2 crashes with much Vorbis at once
            file.write(block)
    return data.getvalue()


class Pipe:
    """A file that can only be written forwards, so that lengths in its header stay unknown."""

    def __init__(self):
        self.data = io.BytesIO()

    def write(self, data: bytes) -> int:
        """Append."""
        return self.data.write(data)


def by_ffmpeg(container: str, codec: str, rate: int = 48000, is_piped: bool = False, **options: str) -> bytes:
    """Encode the sound with FFmpeg. options: of the container."""
    output = Pipe() if is_piped else io.BytesIO()
    with av.open(output, "w", format=container, options=options) as muxer:
        stream = muxer.add_stream(codec, rate=rate, layout="mono", bit_rate=64000)
        stream.codec_context.open()
        layout = stream.codec_context.format.name, "mono", rate
        resampler = av.AudioResampler(*layout, frame_size=stream.codec_context.frame_size or FRAME_SAMPLES)
        whole = av.AudioFrame.from_ndarray(sound(rate)[None], format="fltp", layout="mono")
        whole.sample_rate, whole.pts = rate, 0
        for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
            muxer.mux(stream.encode(frame))
    return (output.data if is_piped else output).getvalue()


def twice(encode: Callable[[], bytes]) -> bytes:
    """Two files, one after the other."""
    return encode() * 2


def index_first(data: bytes) -> bytes:
    """Move an MP4's index before the sound, as servers do."""
    boxes, position = {}, 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        boxes[data[position + 4 : position + 8]] = bytearray(data[position : position + size])
        position += size
    index = boxes[b"moov"]
    table = index.index(b"stco") + 8  # offsets of the sound, which moves back by the index
    for entry in range(int.from_bytes(index[table : table + 4], "big")):
        place = slice(table + 4 + 4 * entry, table + 8 + 4 * entry)
        index[place] = (int.from_bytes(index[place], "big") + len(index)).to_bytes(4, "big")
    return b"".join(boxes[kind] for kind in (b"ftyp", b"moov", b"free", b"mdat"))


FORMATS: dict[str, Callable[[], bytes]] = {
    "WAV": partial(by_libsndfile, "WAV"),
    "WAV (MP3 inside)": partial(by_ffmpeg, "wav", "libmp3lame"),
    "RF64": partial(by_libsndfile, "RF64"),
    "W64": partial(by_libsndfile, "W64"),
    "AIFF": partial(by_libsndfile, "AIFF"),
    "AU": partial(by_libsndfile, "AU"),
    "CAF": partial(by_libsndfile, "CAF"),
    "CAF (ALAC)": partial(by_libsndfile, "CAF", "ALAC_16"),
    "FLAC": partial(by_libsndfile, "FLAC"),
    "FLAC from a pipe": partial(by_ffmpeg, "flac", "flac", is_piped=True),
    "MP3": partial(by_libsndfile, "MP3", "MPEG_LAYER_III"),
    "MP3 (FFmpeg)": partial(by_ffmpeg, "mp3", "libmp3lame"),
    "MP3 without a frame count": partial(by_ffmpeg, "mp3", "libmp3lame", write_xing="0"),
    "Ogg Vorbis": partial(by_libsndfile, "OGG", "VORBIS"),
    "Ogg Opus": partial(by_libsndfile, "OGG", "OPUS"),
    "Ogg Opus (FFmpeg)": partial(by_ffmpeg, "ogg", "libopus"),
    "Ogg Opus, chained": partial(twice, partial(by_libsndfile, "OGG", "OPUS")),
    "Ogg FLAC": partial(by_ffmpeg, "ogg", "flac"),
    "AAC": partial(by_ffmpeg, "adts", "aac"),
    "M4A": partial(by_ffmpeg, "ipod", "aac"),
    "M4A, index first": lambda: index_first(by_ffmpeg("ipod", "aac")),
    "MP4 in fragments": partial(by_ffmpeg, "mp4", "aac", movflags="frag_keyframe+empty_moov", frag_duration="500000"),
    "MOV": partial(by_ffmpeg, "mov", "pcm_s16le"),
    "3GP (AMR inside)": partial(by_ffmpeg, "3gp", "libopencore_amrnb", 8000),
    "MKV": partial(by_ffmpeg, "matroska", "pcm_s16le"),
    "WebM": partial(by_ffmpeg, "webm", "libopus"),
    "WebM, live": partial(by_ffmpeg, "webm", "libopus", is_piped=True, live="1"),
    "AVI": partial(by_ffmpeg, "avi", "libmp3lame"),
    "MPEG-TS": partial(by_ffmpeg, "mpegts", "mp2"),
    "MPEG-PS": partial(by_ffmpeg, "mpeg", "mp2"),
    "FLV": partial(by_ffmpeg, "flv", "aac"),
    "FLV, live": partial(by_ffmpeg, "flv", "aac", is_piped=True),
    "WMA": partial(by_ffmpeg, "asf", "wmav2", 44100),
    "AMR": partial(by_ffmpeg, "amr", "libopencore_amrnb", 8000),
    "WAV from a pipe": partial(by_ffmpeg, "wav", "pcm_s16le", is_piped=True),
    "AIFF from a pipe": partial(by_ffmpeg, "aiff", "pcm_s16be", is_piped=True),
    "AU from a pipe": partial(by_ffmpeg, "au", "pcm_s16be", is_piped=True),
    "CAF from a pipe": partial(by_ffmpeg, "caf", "pcm_s16be", is_piped=True),
    "WMA, broadcast": partial(by_ffmpeg, "asf", "wmav2", 44100, is_piped=True),
}
"""Name -> what writes SECONDS of sound."""


def _has_encoder(name: str) -> bool:
    try:
        return bool(av.Codec(name, "w"))
    except av.codec.codec.UnknownCodecError:
        return False


if not _has_encoder("libopencore_amrnb"):  # PyAV 19 comes without it
    for name in ("AMR", "3GP (AMR inside)"):
        del FORMATS[name]


@dataclass(frozen=True)
class Read:
    """How much of a file was read, and why it ended: `damaged`, `whole`, or the code of another error."""

    seconds: float
    outcome: str


def read(path: Path) -> Read:
    """Read a file to its end."""
    samples = 0
    try:
        for block in stream_audio(path):
            samples += len(block)
    except AudioError as error:
        return Read(samples / SAMPLE_RATE, "damaged" if isinstance(error, DamagedError) else error.code)
    return Read(samples / SAMPLE_RATE, "whole")


def cut_places(name: str, size: int) -> list[int]:
    """CUTS different lengths, and one byte less than the whole file."""
    return [*sorted(random.Random(name).sample(range(1, size - 1), CUTS)), size - 1]


def read_cut(name: str, data: bytes, folder: Path) -> list[tuple[int, Read]]:
    """Cut a file at each place, and read what is left."""
    path = folder / "cut"
    results = []
    for length in cut_places(name, len(data)):
        path.write_bytes(data[:length])
        results.append((length, read(path)))
    return results


def main() -> None:
    """Print the table of docs/security.md."""
    av.logging.set_level(None)
    print("| container | cuts | named as damaged | shorter without a word | refused |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, encode in FORMATS.items():
            outcomes = [result.outcome for _, result in read_cut(name, encode(), Path(folder))]
            damaged, whole = outcomes.count("damaged"), outcomes.count("whole")
            print(f"| {name} | {len(outcomes)} | {damaged} | {whole} | {len(outcomes) - damaged - whole} |")


if __name__ == "__main__":
    main()
