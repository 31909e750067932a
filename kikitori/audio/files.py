"""Any local audio or video file -> float32 sound at 16 kHz, in one piece or as a stream of blocks.

A file that holds less than it promises is read to its end, and then reported as damaged.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, check_stream, check_waveform
from kikitori.audio.containers import share_before_damage
from kikitori.audio.decoders import UNKNOWN_FRAMES, decode
from kikitori.audio.mixing import Block, mix_down
from kikitori.audio.resample import resample_blocks
from kikitori.errors import AudioError, DamagedError, RefusedError
from kikitori.strings import display_name
from kikitori.transcript import TranscriptWarning

__all__ = [
    "SAMPLE_RATE",
    "Recording",
    "check_file",
    "check_stream",
    "check_waveform",
    "known_seconds",
    "load_audio",
    "open_recording",
    "stream_audio",
]


@dataclass(frozen=True)
class Recording:
    """A file's sound, and what is to be known about how it is read.

    blocks: float32 arrays of shape (samples, channels), 16 kHz, nominally in [-1, 1]. The number of channels can change
        only in files that were joined.
    warnings: those of the kinds `other_tracks` and `opposite_channels`; added while the blocks are read.
    """

    blocks: Iterator[np.ndarray]
    warnings: list[TranscriptWarning]


def load_audio(path: str | os.PathLike[str], max_seconds: float | None = None) -> np.ndarray:
    """Read a local file's first audio track with sound into one array. URLs are never fetched.

    Channels are averaged (`mix_down`). soxr (HQ) converts the rate; the samples equal those of
    `librosa.load(path, sr=16000)`. A peak above 1 is divided away.

    Args:
        path: a regular local file, audio or video.
        max_seconds: the longest recording allowed; None for no limit. A longer one is not decoded to its end.

    Returns:
        float32 array of shape (samples,), mono, 16 kHz, in [-1, 1].

    Raises:
        AudioError: as `open_recording` and `check_waveform` do.
        ValueError: max_seconds is not positive.
    """
    blocks = [block[:, 0] for block in stream_audio(path, max_seconds)]
    return check_waveform(np.concatenate(blocks), display_name(path))


def stream_audio(
    path: str | os.PathLike[str], max_seconds: float | None = None, mono: bool = True, track: int | None = None
) -> Iterator[np.ndarray]:
    """Return the blocks of `open_recording`."""
    return open_recording(path, max_seconds, mono, track).blocks


def open_recording(
    path: str | os.PathLike[str], max_seconds: float | None = None, mono: bool = True, track: int | None = None
) -> Recording:
    """Read one audio track of a local file block by block. Memory does not grow with its length.

    Nothing is read before the first block.

    Args:
        path, max_seconds: as for `load_audio`.
        mono: mix the channels (`mix_down`).
        track: the number of the audio track, from 1 on; None for the first with sound.

    Raises:
        ValueError: max_seconds or track is not positive.
        AudioError: raised by the blocks. The file cannot be opened or decoded, has no such track, holds no samples, is
            longer than max_seconds, or has a rate under MIN_RATE.
        DamagedError: raised after the last block. The file ends too early, or is damaged there.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"max_seconds must be positive, not {max_seconds}")
    if track is not None and track < 1:
        raise ValueError(f"track must be at least 1, not {track}")
    warnings: list[TranscriptWarning] = []
    return Recording(_blocks(Path(path), max_seconds, mono, track, warnings), warnings)


def _blocks(
    path: Path, max_seconds: float | None, mono: bool, track: int | None, warnings: list[TranscriptWarning]
) -> Iterator[np.ndarray]:
    name = display_name(path)
    samples = 0
    with _open_file(path, name) as file:
        native = _UpToDamage(decode(file, name, max_seconds, track, warnings), file, name)
        for block in resample_blocks(mix_down(native, warnings) if mono else native, name, max_seconds):
            samples += len(block)
            yield block
    if native.error:
        raise native.error
    if not samples:
        raise AudioError("no_samples", name=name)


class _UpToDamage:
    """Blocks that end at the first error, so that what was read before it is resampled to its last sample.

    error: why they end before the recording does: they raised it, or the file is shorter than it promised.
    """

    def __init__(self, blocks: Iterable[Block], file: BinaryIO, name: str):
        self._blocks = blocks
        self._file = file
        self._name = name
        self.error: AudioError | None = None

    def __iter__(self) -> Iterator[Block]:
        size = _size(self._file)
        seconds = 0.0
        try:
            for block, rate in self._blocks:
                yield block, rate
                seconds += len(block) / rate
        except RefusedError:
            raise
        except AudioError as error:
            self.error = error
        else:
            share = 1.0 if _size(self._file) < size else share_before_damage(self._file)
            if seconds and share is not None:
                self.error = DamagedError(self._name, share * seconds)


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


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
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", os.fspath(path)):  # of the two slashes a Path keeps one
            raise AudioError("file_unopenable", name=name, why="only `kikitori batch` reads URLs") from error
        raise AudioError("file_missing", name=name) from error
    except PermissionError as error:
        raise AudioError("file_forbidden", name=name) from error
    except OSError as error:
        raise AudioError("file_unopenable", name=name, why=error.strerror) from error
