"""Live sound from standard input or the microphone, read by a thread of its own: what comes while the model computes
waits, and none is lost.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from types import ModuleType

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.errors import AudioError
from kikitori.live.pcm import BYTES_PER_SECOND, PcmStream, is_raw

MAX_WAITING_SECONDS = 10.0
"""How much of standard input is read ahead of the model. A microphone can't wait, so all of its sound is kept."""
READ_BYTES = BYTES_PER_SECOND // 4
FIRST_SECONDS = 1.0
"""How long the loading of a checkpoint waits for the first sound, to see what kind it is."""

Put = Callable[[bytes], None]


class LiveInput:
    """Sound that comes in.

    stop: may be called by a signal handler, so it takes no lock; the sound then ends.
    """

    def __init__(self):
        self._parts: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self._room = threading.Semaphore(round(MAX_WAITING_SECONDS * BYTES_PER_SECOND / READ_BYTES))
        self._pcm = PcmStream()
        self._first: list[bytes | Exception | None] = []
        self.stopped = False

    def put(self, data: bytes, waits: bool = False) -> None:
        """Add sound. waits: until there is room."""
        if waits:
            self._room.acquire()
        self._parts.put(data)

    def end(self, error: Exception | None = None) -> None:
        """End the sound; with an error, that is raised where the sound is read."""
        self._parts.put(error)

    def stop(self) -> None:
        """End the sound now: what waits is read, and nothing else."""
        self.stopped = True
        self._parts.put(None)

    def check_first(self) -> None:
        """Look at the first sound, if it comes within FIRST_SECONDS. Raises AudioError for a file with a header."""
        with suppress(Empty):
            self._first.append(self._parts.get(timeout=FIRST_SECONDS))
        for part in self._first:
            if isinstance(part, bytes):
                is_raw(part)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Yield all sound that has come since the last time, float32 16 kHz, (samples,). Raises AudioError."""
        has_ended = False
        while not has_ended:
            parts = [self._first.pop() if self._first else self._parts.get()]
            with suppress(Empty):
                while parts[-1] is not None:
                    parts.append(self._parts.get_nowait())
            has_ended = parts[-1] is None
            data = [part for part in parts if isinstance(part, bytes)]
            for _ in data:
                self._room.release()
            yield self._pcm.add(b"".join(data))
            for part in parts:
                if isinstance(part, Exception):
                    raise part


def read_standard_input(sound: LiveInput) -> None:
    """Begin to read standard input. Raises AudioError if it is closed, or its first bytes are those of a file."""

    def read() -> None:
        try:
            # Not through `sys.stdin.buffer`: Python can't end while a thread waits inside it.
            while not sound.stopped and (data := os.read(sys.stdin.fileno(), READ_BYTES)):
                sound.put(data, waits=True)
        except (OSError, ValueError) as error:
            sound.end(AudioError("file_unopenable", name="-", why=getattr(error, "strerror", error)))
        else:
            sound.end()

    if sys.stdin is None:
        raise AudioError("file_unopenable", name="-", why="standard input is closed")
    threading.Thread(target=read, daemon=True).start()
    sound.check_first()


def check_microphone() -> None:
    """Raise AudioError if there is no microphone, or it can't give what is needed."""
    sounddevice = _sounddevice()
    try:
        sounddevice.query_devices(kind="input")
    except (sounddevice.PortAudioError, ValueError) as error:  # its text is the number of no device
        raise AudioError("no_microphone", why="the system has none") from error
    try:
        sounddevice.check_input_settings(samplerate=SAMPLE_RATE, channels=1, dtype="int16")
    except sounddevice.PortAudioError as error:
        raise AudioError("no_microphone", why=error) from error


def _sounddevice() -> ModuleType:
    try:
        import sounddevice
    except OSError as error:  # without the system's library PortAudio
        raise AudioError("no_microphone", why=error) from error
    return sounddevice


@contextmanager
def microphone(sound: LiveInput) -> Iterator[None]:
    """Record while the block runs. Raises AudioError if that is not possible.

    If the microphone ends by itself, the sound ends with an AudioError.
    """
    sounddevice = _sounddevice()

    def take(data, _frames: int, _time, _status) -> None:
        sound.put(bytes(data))

    def finished() -> None:
        sound.end(None if sound.stopped else AudioError("microphone_gone"))

    try:
        stream = sounddevice.RawInputStream(
            SAMPLE_RATE, SAMPLE_RATE // 10, channels=1, dtype="int16", callback=take, finished_callback=finished
        )
        stream.start()
    except sounddevice.PortAudioError as error:
        raise AudioError("no_microphone", why=error) from error
    with stream:
        yield
