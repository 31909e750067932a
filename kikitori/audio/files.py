"""Any local audio or video file -> float32 sound at 16 kHz, in one piece or as a stream of blocks.

libsndfile reads what it can; PyAV, which carries FFmpeg in its wheel, reads the rest. Not covered:
any track of a video but its first audio track.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from kikitori.errors import AudioError, RefusedError

if TYPE_CHECKING:
    import av
    import soundfile
from kikitori.strings import display_name, format_duration

# Hz; what the checkpoints' feature extractor was trained on (WhisperFeatureExtractor).
SAMPLE_RATE = 16000

# Shorter than one syllable. Models answer such clips with invented text.
MIN_SECONDS = 0.1

# Peak level. The noise of a quiet room is louder, so only a dead or muted input stays below, and
# models answer silence with invented text.
SILENCE_DBFS = -60.0

# Hz; half of it is the highest tone, and below 2 kHz few words can be told apart. Less is a damaged header as a rule,
# and a small file that claims 1 Hz would become gigabytes at 16 kHz.
MIN_RATE = 4000

# Samples of all channels together that are read from libsndfile at once: neither a long file nor one with a thousand
# channels is held in memory.
BLOCK_SAMPLES = 65536

# libsndfile's SF_COUNT_MAX: the header does not say how long the file is (FLAC from a pipe).
UNKNOWN_FRAMES = 2**63 - 1

# A WAV that is written to a pipe claims about 2 or 4 GB, because its length is not known yet.
STREAMED_BYTES = 2_000_000_000

# Bytes of an ID3v1 tag, which may follow the sound of an MP3.
ID3V1_BYTES = 128

# FFmpeg demuxers that read nothing but the file they are given. All others stay shut: a playlist
# (HLS, DASH, concat, SDP) makes FFmpeg open further files and sockets even when it is handed an
# open file.
CONTAINERS = "aac,aiff,amr,asf,avi,caf,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,wav"


def load_audio(path: str | os.PathLike[str], max_seconds: float | None = None) -> np.ndarray:
    """Read the first audio track of a local file as a whole; a URL is never fetched.

    Channels are averaged and the rate is converted by soxr (HQ), sample for sample what
    `librosa.load(path, sr=16000)` gives. A peak above 1 is divided away.

    Args:
        path: a regular local file, audio or video.
        max_seconds: refuse a longer file, before it is decoded whole; None for no limit.

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
    """Read the first audio track of a local file piece by piece, so that memory does not grow with its length.

    Args:
        path, max_seconds: as for `load_audio`.
        mono: average the channels.

    Yields:
        float32 arrays of shape (samples, channels), 16 kHz, nominally in [-1, 1]. The number of channels changes
        only where joined files do.

    Raises:
        AudioError: the file cannot be opened or decoded, has no audio track or no samples in it, is too long, or has
            a rate under MIN_RATE.
        ValueError: max_seconds is not positive.
    """
    if max_seconds is not None and not max_seconds > 0:
        raise ValueError(f"max_seconds must be positive, not {max_seconds}")
    name = display_name(path)
    with _open_file(Path(path), name) as file:
        blocks = _native_blocks(file, name, max_seconds)
        if mono:
            blocks = ((block.mean(axis=1, keepdims=True), rate) for block, rate in blocks)
        yield from _resample(blocks, name, max_seconds)


def known_seconds(path: str | os.PathLike[str]) -> float | None:
    """How long a file says that it is; None where it doesn't, or can't be read."""
    import soundfile

    try:
        with _open_file(Path(path), str(path)) as file, soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            return None if sound.frames == UNKNOWN_FRAMES else sound.frames / sound.samplerate
    except (AudioError, soundfile.SoundFileError):
        return None


def check_stream(blocks: Iterable[np.ndarray], name: str, max_seconds: float | None = None) -> Iterator[np.ndarray]:
    """Pass blocks (samples, …) of floats at 16 kHz on, and refuse what cannot hold speech.

    Raises AudioError: as soon as samples are not finite or the blocks pass max_seconds; at the end, where all of it
    was shorter than MIN_SECONDS or no louder than SILENCE_DBFS.
    """
    samples, peak = 0, 0.0
    for block in blocks:
        samples += len(block)
        peak = max(peak, float(np.abs(block).max(initial=0.0)))
        if not np.isfinite(block).all():
            raise AudioError("not_finite", name=name)
        _check_length(name, samples / SAMPLE_RATE, max_seconds)
        yield block
    if samples < MIN_SECONDS * SAMPLE_RATE:
        raise RefusedError(
            "too_short",
            name=name,
            length=format_duration(samples / SAMPLE_RATE),
            limit=format_duration(MIN_SECONDS),
        )
    if peak <= 10 ** (SILENCE_DBFS / 20):
        level = f"{20 * math.log10(peak):.1f} dBFS" if peak else "digital zero"
        raise RefusedError(
            "silent",
            name=name,
            level=level,
            limit=f"{SILENCE_DBFS:.0f}",
        )


def check_waveform(waveform: np.ndarray, name: str, max_seconds: float | None = None) -> np.ndarray:
    """Refuse what cannot hold speech; divide a peak above 1 away.

    The division is qwen_asr's own (inference/utils.py, float_range_normalize).

    Args:
        waveform: floating array of shape (samples,), mono, 16 kHz.
        name: what the messages call it.
        max_seconds: refuse a longer one; None for no limit.

    Returns:
        float32 array of shape (samples,), in [-1, 1].

    Raises:
        AudioError: shorter than MIN_SECONDS, too long, not finite, or no louder than SILENCE_DBFS.
        ValueError: not one-dimensional or not floating.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or waveform.dtype.kind != "f":
        raise ValueError(
            f"{name} must be a one-dimensional array of floats in [-1, 1], "
            f"not {waveform.ndim}-dimensional {waveform.dtype}"
        )
    waveform = np.ascontiguousarray(waveform, dtype=np.float32)
    for _ in check_stream([waveform], name, max_seconds):
        pass
    return limit_peak(waveform)


def limit_peak(waveform: np.ndarray) -> np.ndarray:
    """Divide a peak above 1 away."""
    return waveform / max(1.0, float(np.abs(waveform).max(initial=0.0)))


class _File(io.FileIO):
    """A file as FFmpeg wants it: told to go to before its start, as damaged headers do, it says so in a number.

    For an exception PyAV prints a traceback.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """The new position, or a negative error number."""
        try:
            return super().seek(offset, whence)
        except OSError as error:
            return -error.errno


def check_file(path: Path) -> None:
    """Raise AudioError where there is no regular file with something in it that may be read."""
    _open_file(path, display_name(path)).close()


def _open_file(path: Path, name: str) -> BinaryIO:
    """Open a regular local file. Unbuffered, because libsndfile reads from its descriptor."""
    try:
        status = path.stat()  # before opening it: opening a named pipe waits for a writer
        if stat.S_ISDIR(status.st_mode):
            raise AudioError("file_is_folder", name=name)
        if not stat.S_ISREG(status.st_mode):
            raise AudioError("file_is_pipe", name=name)
        if status.st_size == 0:
            raise AudioError("file_empty", name=name)
        return _File(path)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: a null character in the path
        raise AudioError("file_missing", name=name) from error
    except PermissionError as error:
        raise AudioError("file_forbidden", name=name) from error
    except OSError as error:
        raise AudioError("file_unopenable", name=name, why=error.strerror) from error


def _native_blocks(file: BinaryIO, name: str, max_seconds: float | None) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks (samples, channels) and their rate in Hz: from libsndfile as far as it gets, then from PyAV."""
    import soundfile

    given = 0
    try:
        # The descriptor, not the object: from the latter soundfile takes a name, and raises
        # TypeError for "x.raw".
        with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            if sound.frames != UNKNOWN_FRAMES:  # else libsndfile stops with an error before the last block
                _check_length(name, sound.frames / sound.samplerate, max_seconds)
                for block, rate in _sound_blocks(sound):
                    yield block, rate
                    given += len(block)
                if given and _is_cut_off(sound):
                    raise _damaged(name, given / sound.samplerate)
                if not _has_another_link(sound, file):
                    return
    except soundfile.SoundFileError:
        pass  # PyAV tries; its error is the one that the user reads
    file.seek(0)
    yield from _drop_samples(_pyav_blocks(file, name), given)


def _drop_samples(blocks: Iterable[tuple[np.ndarray, int]], count: int) -> Iterator[tuple[np.ndarray, int]]:
    """The blocks without their first `count` samples."""
    for block, rate in blocks:
        if len(block) > count:
            yield block[count:], rate
        count = max(0, count - len(block))


def _sound_blocks(sound: soundfile.SoundFile) -> Iterator[tuple[np.ndarray, int]]:
    frames = max(1, BLOCK_SAMPLES // sound.channels)
    while len(block := sound.read(frames, dtype="float32", always_2d=True)):
        yield block, sound.samplerate


def _is_cut_off(sound: soundfile.SoundFile) -> bool:
    """Whether the header of a WAV or AIFF promises more than the file has, which libsndfile only notes in its log."""
    noted = re.search(r"^\s*(?:data|SSND) : (\d+) \(should be \d+\)", sound.extra_info, re.MULTILINE)
    return noted is not None and int(noted[1]) < STREAMED_BYTES


def _has_another_link(sound: soundfile.SoundFile, file: BinaryIO) -> bool:
    """Whether more follows in a joined MP3 or a chained Ogg.

    libsndfile says nothing and ends with the first of the joined files; PyAV reads them all.
    """
    unread = os.fstat(file.fileno()).st_size - file.tell()
    return sound.format in ("MP3", "OGG") and unread > ID3V1_BYTES


def _pyav_blocks(file: BinaryIO, name: str) -> Iterator[tuple[np.ndarray, int]]:
    """The sound of a container's first audio track."""
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


def _samples(frame: av.AudioFrame) -> np.ndarray:
    """A frame of any sample format -> float32 (samples, channels) in [-1, 1]."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:  # (1, samples * channels), interleaved
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype.kind != "f":  # signed around 0, unsigned around the middle of the range
        lowest, highest = np.iinfo(samples.dtype).min, np.iinfo(samples.dtype).max
        middle, half = (lowest + highest + 1) / 2, (highest - lowest + 1) / 2
        samples = (samples - middle) / half
    return samples.astype(np.float32).T


def _resample(blocks: Iterable[tuple[np.ndarray, int]], name: str, max_seconds: float | None) -> Iterator[np.ndarray]:
    """Blocks (samples, channels), each with its rate in Hz, at 16 kHz.

    soxr gives the same samples in blocks as in one piece. Rate and channels may change on the way, as they do in
    joined AAC files. Raises AudioError for a rate under MIN_RATE, and as soon as the blocks pass max_seconds.
    """
    import soxr

    seconds = 0.0
    for (rate, channels), run in groupby(blocks, key=lambda entry: (entry[1], entry[0].shape[1])):
        if rate < MIN_RATE:
            raise AudioError(
                "low_rate",
                name=name,
                rate=str(rate),
                limit=str(MIN_RATE),
            )
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, channels, dtype="float32", quality="HQ")
        samples = given = 0
        for block, _ in run:
            samples += len(block)
            if max_seconds is not None and seconds + samples / rate > max_seconds:
                raise _longer_than(name, max_seconds)
            resampled = resampler.resample_chunk(np.ascontiguousarray(block))
            given += len(resampled)
            yield resampled
        rest = resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        seconds += samples / rate
        # librosa's length (core/audio.py, resample), which soxr rounds down at times.
        missing = math.ceil(samples * (SAMPLE_RATE / rate)) - given - len(rest)
        yield np.concatenate([rest, np.zeros((missing, channels), np.float32)])
    if not seconds:
        raise AudioError("no_samples", name=name)


def _check_length(name: str, seconds: float, max_seconds: float | None) -> None:
    if max_seconds is None or seconds <= max_seconds:
        return
    length, limit = format_duration(seconds), format_duration(max_seconds)
    if length == limit:
        raise _longer_than(name, max_seconds)
    raise RefusedError(
        "too_long",
        name=name,
        length=length,
        limit=limit,
    )


def _longer_than(name: str, max_seconds: float) -> RefusedError:
    """For a recording whose whole length is not known."""
    return RefusedError(
        "longer_than",
        name=name,
        limit=format_duration(max_seconds),
    )


def _damaged(name: str, seconds: float) -> AudioError:
    return AudioError("damaged", name=name, length=format_duration(seconds))


def _undecodable(name: str) -> AudioError:
    return AudioError("undecodable", name=name)
