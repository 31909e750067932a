"""An open file -> its sound at its own rate: by libsndfile what it can read, the rest by PyAV (FFmpeg in its wheel)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from kikitori.audio.checks import check_length
from kikitori.audio.containers import has_another_link
from kikitori.audio.frames import samples
from kikitori.audio.mixing import Block
from kikitori.audio.tracks import first_with_sound, other_tracks
from kikitori.errors import AudioError, DamagedError
from kikitori.transcript import TranscriptWarning

if TYPE_CHECKING:
    import av
    import soundfile

# How many samples, of all channels together, are read from libsndfile at once. Bounds memory for long files and for
# files with a thousand channels.
BLOCK_SAMPLES = 65536

# libsndfile's SF_COUNT_MAX: the header does not give the length (FLAC from a pipe).
UNKNOWN_FRAMES = 2**63 - 1

# FFmpeg demuxers that read nothing but the file they are given. The others are disabled: a playlist (HLS, DASH, concat,
# SDP) makes FFmpeg open further files and sockets, even when FFmpeg reads from an open file.
CONTAINERS = "aac,aiff,amr,asf,avi,caf,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,wav"


def decode(
    file: BinaryIO, name: str, max_seconds: float | None, track: int | None, warnings: list[TranscriptWarning]
) -> Iterator[Block]:
    """Yield a file's blocks: from libsndfile as far as it can read, then from PyAV.

    file: open, unbuffered. track: the number of an audio track, from 1 on; None for the first with sound, with a
    warning if there are others.

    Raises:
        AudioError: the file cannot be decoded, or has no such track.
        DamagedError: decoding fails after the blocks that were yielded, or one of them was damaged.
        RefusedError: the header gives more than max_seconds.
    """
    import soundfile

    given, rate, is_damaged = 0, 1.0, False
    try:
        # A descriptor, because soundfile looks at the name of a file object and raises TypeError for "x.raw".
        with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
            if sound.frames != UNKNOWN_FRAMES and track in (None, 1):  # unknown: libsndfile fails before the last block
                check_length(name, sound.frames / sound.samplerate, max_seconds)
                is_damaged = sound.format == "FLAC"  # unless it is read to its end
                for block, rate in _sound_blocks(sound):
                    yield block, rate
                    given += len(block)
                is_damaged = False
                if given and not _has_another_link(sound, file):
                    return
    except soundfile.SoundFileError:
        pass  # PyAV tries next; the user reads its error
    file.seek(0)
    yield from _drop_samples(_pyav_blocks(file, name, max_seconds, track, warnings), given)
    if is_damaged:  # PyAV leaves out what it can't decode of a FLAC
        raise DamagedError(name, given / rate)


def _has_another_link(sound: soundfile.SoundFile, file: BinaryIO) -> bool:
    """Whether a joined MP3 or a chained Ogg goes on, where libsndfile stops without a word. PyAV reads all of it."""
    return sound.format in ("MP3", "OGG") and has_another_link(file, file.tell())


def _drop_samples(blocks: Iterable[Block], count: int) -> Iterator[Block]:
    """Leave out the first `count` samples."""
    for block, rate in blocks:
        if len(block) > count:
            yield block[count:], rate
        count = max(0, count - len(block))


def _sound_blocks(sound: soundfile.SoundFile) -> Iterator[Block]:
    frames = BLOCK_SAMPLES // sound.channels  # libsndfile refuses more than 1024 channels
    while len(block := sound.read(frames, dtype="float32", always_2d=True)):
        yield block, sound.samplerate


def _pyav_blocks(
    file: BinaryIO, name: str, max_seconds: float | None, track: int | None, warnings: list[TranscriptWarning]
) -> Iterator[Block]:
    """Yield the blocks of one audio track of a container."""
    with _open_container(file, name) as container:
        count = len(container.streams.audio)
        if not count:
            raise AudioError("no_audio_track", name=name)
        if track and track > count:
            raise AudioError("no_such_track", name=name, track=track, count=count)
        if track or count == 1:
            yield from _frame_blocks(container, track or 1, name)
            return
        track = first_with_sound(container, max_seconds)
        warnings.append(other_tracks(container, track))
    file.seek(0)
    with _open_container(file, name) as container:
        yield from _frame_blocks(container, track, name)


def _open_container(file: BinaryIO, name: str) -> av.container.InputContainer:
    import av

    # A title in another encoding than UTF-8 is no reason to fail. PyAV 19 reads it without being told, and lost the
    # argument.
    lenient = {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}
    try:
        return av.open(file, options={"format_whitelist": CONTAINERS}, **lenient)
    except (av.error.FFmpegError, OSError) as error:  # OSError: the disk fails
        raise _undecodable(name) from error


def _frame_blocks(container: av.container.InputContainer, track: int, name: str) -> Iterator[Block]:
    """Yield the blocks of a track. What follows damage is yielded too; the error comes at the end."""
    import av

    stream = container.streams.audio[track - 1]
    if stream.codec_context is None:
        raise _undecodable(name)
    damage = _Damage(name, container.format.name)
    try:
        for packet in container.demux(stream):
            for frame in damage.decode(packet):
                yield samples(frame), frame.sample_rate
                damage.seconds += frame.samples / frame.sample_rate
    except (av.error.FFmpegError, OSError) as error:
        if not damage.seconds:
            raise _undecodable(name) from error
        raise damage.error or DamagedError(name, damage.seconds) from error
    # FFmpeg takes any file named .flac for FLAC, and finds no frames and no rate in it.
    if not damage.seconds and not stream.codec_context.sample_rate:
        raise _undecodable(name)
    if damage.error:
        raise damage.error


class _Damage:
    """Decodes packets, and keeps the first damage among them as `error`. seconds: how much was decoded before."""

    def __init__(self, name: str, container_format: str):
        self.seconds = 0.0
        self.error: DamagedError | None = None
        self._name = name
        self._is_mp3 = container_format == "mp3"
        self._corrupt: DamagedError | None = None

    def decode(self, packet: av.Packet) -> list[av.AudioFrame]:
        """Return a packet's frames, none if it can't be decoded. Raises FFmpegError if none could be so far."""
        import av

        if (
            self._corrupt and packet.size
        ):  # FFmpeg marks any short packet at the end, which `share_before_damage` judges
            self.error = self.error or self._corrupt
        if packet.is_corrupt and self.seconds:
            self._corrupt = DamagedError(self._name, self.seconds)
        try:
            return packet.decode()
        except av.error.InvalidDataError as error:
            if not self.seconds:
                raise
            if not self._is_mp3 and not self.error:  # FFmpeg takes tags between and behind MP3 frames for frames
                self.error = DamagedError(self._name, self.seconds)
                self.error.__cause__ = error
            return []


def _undecodable(name: str) -> AudioError:
    return AudioError("undecodable", name=name)
