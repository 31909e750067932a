"""Any local audio or video file -> float32 sound at 16 kHz, in one piece or as a stream of blocks.

libsndfile reads what it can; PyAV, which carries FFmpeg in its wheel, reads the rest. Only the first audio track of a
file is read.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, check_length, check_stream, check_waveform
from kikitori.audio.resample import resample_blocks
from kikitori.errors import AudioError
from kikitori.strings import display_name, format_duration

if TYPE_CHECKING:
    import av
    import soundfile

__all__ = ["SAMPLE_RATE", "check_file", "check_stream", "check_waveform", "known_seconds", "load_audio", "stream_audio"]

# How many samples, of all channels together, are read from libsndfile at once. Bounds memory for long files and for
# files with a thousand channels.
BLOCK_SAMPLES = 65536

# libsndfile's SF_COUNT_MAX: the header does not give the length (FLAC from a pipe).
UNKNOWN_FRAMES = 2**63 - 1

# A WAV written to a pipe claims about 2 or 4 GB in its header, because its length was not known yet.
STREAMED_BYTES = 2_000_000_000

# Length of an ID3v1 tag, which may follow the sound of an MP3.
ID3V1_BYTES = 128

# FFmpeg demuxers that read nothing but the file they are given. The others are disabled: a playlist (HLS, DASH, concat,
# SDP) makes FFmpeg open further files and sockets, even when FFmpeg reads from an open file.
CONTAINERS = "aac,aiff,amr,asf,avi,caf,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,wav"


def load_audio(path: str | os.PathLike[str], max_seconds: float | None = None) -> np.ndarray:
    """Read the first audio track of a local file into one array. URLs are never fetched.

    Channels are averaged. soxr (HQ) converts the rate; the samples equal those of `librosa.load(path, sr=16000)`. A
    peak above 1 is divided away.

    Args:
        path: a regular local file, audio or video.
        max_seconds: the longest recording allowed; None for no limit. A longer one is not decoded to its end.

    Returns:
        float32 array of shape (samples,), mono, 16 kHz, in [-1, 1].

    Raises:
        AudioError: as `stream_audio` and `check_waveform` do.
        ValueError: max_seconds is not positive.
    """
    blocks = [block[:, 0] for block in stream_audio(path, max_seconds)]
    return check_waveform(np.concatenate(blocks), display_name(path))


def stream_audio(
    path: str | os.PathLike[str], max_seconds: float | None = None, mono: bool = True
) -> Iterator[np.ndarray]:
    """Read the first audio track of a local file block by block. Memory does not grow with its length.

    Args:
        path, max_seconds: as for `load_audio`.
        mono: average the channels.

    Yields:
        float32 arrays of shape (samples, channels), 16 kHz, nominally in [-1, 1]. The number of channels can change
        only in files that were joined.

    Raises:
        AudioError: the file cannot be opened or decoded, has no audio track, holds no samples, is longer than
            max_seconds, or has a rate under MIN_RATE.
        ValueError: max_seconds is not positive.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"max_seconds must be positive, not {max_seconds}")
    name = display_name(path)
    with _open_file(Path(path), name) as file:
        blocks = _native_blocks(file, name, max_seconds)
        if mono:
            blocks = ((block.mean(axis=1, keepdims=True), rate) for block, rate in blocks)
        samples = 0
        for block in resample_blocks(blocks, name, max_seconds):
            samples += len(block)
            yield block
    if not samples:
        raise AudioError("no_samples", name=name)


def known_seconds(path: str | os.PathLike[str]) -> float | None:
    """Return the length that a file's header gives, in seconds; None if it gives none or cannot be read."""
    import soundfile

    try:
        with _open_file(Path(path), str(path)) as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            return None if sound.frames == UNKNOWN_FRAMES else sound.frames / sound.samplerate
    except (AudioError, soundfile.SoundFileError):
        return None


class _File(io.FileIO):
    """A file whose `seek` returns errors as negative numbers, as FFmpeg expects.

    Damaged headers make FFmpeg seek to before the start of a file. PyAV prints a traceback if `seek` raises then.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the new position, or a negative error number."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            return -error.errno


def check_file(path: Path) -> None:
    """Raise AudioError if the path is not a regular, readable file with at least one byte."""
    _open_file(path, display_name(path)).close()


def _open_file(path: Path, name: str) -> BinaryIO:
    """Open a regular local file. Unbuffered, because libsndfile reads from its descriptor."""
    try:
        status = path.stat()  # before the file is opened: opening a named pipe blocks until something writes to it
        if stat.S_ISDIR(status.st_mode):
            raise AudioError("file_is_folder", name=name)
        if not stat.S_ISREG(status.st_mode):
            raise AudioError("file_is_pipe", name=name)
        if status.st_size == 0:
            raise AudioError("file_empty", name=name)
        return _File(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: null character
        raise AudioError("file_missing", name=name) from error
    except PermissionError as error:
        raise AudioError("file_forbidden", name=name) from error
    except OSError as error:
        raise AudioError("file_unopenable", name=name, why=error.strerror) from error


def _native_blocks(file: BinaryIO, name: str, max_seconds: float | None) -> Iterator[tuple[np.ndarray, int]]:
    """Yield blocks (samples, channels) and their rate in Hz: from libsndfile as far as it can read, then from PyAV."""
    import soundfile

    given = 0
    try:
        # A descriptor, because soundfile looks at the name of a file object and raises TypeError for "x.raw".
        with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            if sound.frames != UNKNOWN_FRAMES:  # otherwise libsndfile fails before the last block
                check_length(name, sound.frames / sound.samplerate, max_seconds)
                for block, rate in _sound_blocks(sound):
                    yield block, rate
                    given += len(block)
                if given and _is_cut_off(sound):
                    raise _damaged(name, given / sound.samplerate)
                if not _has_another_link(sound, file):
                    return
    except soundfile.SoundFileError:
        pass  # PyAV tries next; the user reads its error
    file.seek(0)
    yield from _drop_samples(_pyav_blocks(file, name), given)


def _drop_samples(blocks: Iterable[tuple[np.ndarray, int]], count: int) -> Iterator[tuple[np.ndarray, int]]:
    """Leave out the first `count` samples."""
    for block, rate in blocks:
        if len(block) > count:
            yield block[count:], rate
        count = max(0, count - len(block))


def _sound_blocks(sound: soundfile.SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    frames = max(1, BLOCK_SAMPLES // sound.channels)
    while len(block := sound.read(frames, dtype="float32", always_2d=True)):
        yield block, sound.samplerate


def _is_cut_off(sound: soundfile.SoundFile) -> bool:
    """Whether a WAV or AIFF is shorter than its header says; libsndfile reports that only in its log."""
    noted = re.search(r"^\s*(?:data|SSND) : (\d+) \(should be \d+\)", sound.extra_info, re.MULTILINE)
    return noted is not None and int(noted[1]) < STREAMED_BYTES


def _has_another_link(sound: soundfile.SoundFile, file: BinaryIO) -> bool:
    """Whether more sound follows in a joined MP3 or a chained Ogg.

    libsndfile stops silently after the first of the joined files; PyAV reads all of them.
    """
    unread = os.fstat(file.fileno()).st_size - file.tell()
    return sound.format in ("MP3", "OGG") and unread > ID3V1_BYTES


def _pyav_blocks(file: BinaryIO, name: str) -> Iterator[tuple[np.ndarray, int]]:
    """Yield blocks and rates of a container's first audio track."""
    import av

    # A title in another encoding than UTF-8 is no reason to fail. PyAV 19 reads it without being told, and lost the
    # argument.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        container = av.open(file, options={"format_whitelist": CONTAINERS}, **lenient)
    except (av.error.FFmpegError, OSError) as error:  # OSError: the disk fails
        raise _undecodable(name) from error
    with container:
        if not container.streams.audio:
            raise AudioError("no_audio_track", name=name)
        if container.streams.audio[0].codec_context is None:
            raise _undecodable(name)
        yield from _frame_blocks(container, name)


def _frame_blocks(container: av.container.InputContainer, name: str) -> Iterator[tuple[np.ndarray, int]]:
    import av

    seconds = 0.0
    try:
        for frame in container.decode(audio=0):
            yield _samples(frame), frame.sample_rate
            seconds += frame.samples / frame.sample_rate
    except (av.error.FFmpegError, OSError) as error:
        if not seconds:
            raise _undecodable(name) from error
        raise _damaged(name, seconds) from error
    # FFmpeg takes any file named .flac for FLAC, and finds no frames and no rate in it.
    if not seconds and not container.streams.audio[0].codec_context.sample_rate:
        raise _undecodable(name)


def _samples(frame: av.AudioFrame) -> np.ndarray:
    """Convert a frame of any sample format to float32 (samples, channels) in [-1, 1]."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:  # (1, samples * channels), interleaved
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind != "f":  # signed formats are centred on 0, unsigned ones on the middle of their range
        lowest, highest = np.iinfo(samples.dtype).min, np.iinfo(samples.dtype).max
        middle, half = (lowest + highest + 1) / 2, (highest - lowest + 1) / 2
        samples = (samples - middle) / half
    return samples.astype(np.float32).T


def _damaged(name: str, seconds: float) -> AudioError:
    return AudioError("damaged", name=name, length=format_duration(seconds))


def _undecodable(name: str) -> AudioError:
    return AudioError("undecodable", name=name)
