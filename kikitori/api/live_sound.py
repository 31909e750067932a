"""The sound of one live visitor on its way from the event loop to a thread that transcribes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import soxr

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.errors import RequestError
from kikitori.live.events import Event
from kikitori.live.pcm import BYTES_PER_SECOND, PcmStream, is_raw
from kikitori.live.session import LiveSession
from kikitori.tasks import Checkpoint, Task
from kikitori.transcribe import load_task

MAX_WAITING_BYTES = 30 * BYTES_PER_SECOND
"""Of sound that waits for the model. A client that sends more is read no further until some of it is done."""
MAX_WAITING_PARTS = 10_000
"""Commits are parts without sound."""


@dataclass(frozen=True)
class Part:
    """What has come since the last part. is_commit: the client wants the text of all of it. is_last: no more comes."""

    data: bytes
    is_commit: bool = False
    is_last: bool = False


class SoundQueue:
    """Joins what comes while the model computes, up to a commit.

    begun: set once sound has come. The first bytes wait while they may be the beginning of a file with a header.
    """

    def __init__(self):
        self.begun = asyncio.Event()
        self._start = b""
        self._parts: list[Part] = []
        self._bytes = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._is_waited_for = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._parts

    @property
    def is_busy(self) -> bool:
        """Whether something waits, or what was taken is still being transcribed."""
        return self.begun.is_set() and not (self._is_waited_for and self.is_empty)

    async def room(self) -> None:
        """Wait until more may be added."""
        while self._bytes > MAX_WAITING_BYTES or len(self._parts) >= MAX_WAITING_PARTS:
            self._room.clear()
            await self._room.wait()

    def add(self, data: bytes) -> None:
        """Add sound. Raises AudioError if it is a file with a header."""
        if not self.begun.is_set():
            data = self._start = self._start + data
            if not is_raw(data):
                return
            self.begun.set()
        self._add(Part(data))

    def commit(self) -> None:
        """Ask for the text of all sound so far. Raises RequestError if none has come."""
        if not self.begun.is_set():
            raise RequestError("no_live_sound")
        self._add(Part(b"", is_commit=True))

    def end(self) -> None:
        """End the sound."""
        self._add(Part(b"", is_last=True))

    async def parts(self) -> AsyncIterator[Part]:
        """Yield what has come, the last part last. Whoever asks for the next one has transcribed all before it."""
        while True:
            self._is_waited_for = True
            await self._changed.wait()
            self._is_waited_for = False
            self._changed.clear()
            while self._parts:
                part = self._next()
                self._room.set()
                yield part
                if part.is_last:
                    return

    def _add(self, part: Part) -> None:
        self._parts.append(part)
        self._bytes += len(part.data)
        self._changed.set()

    def _next(self) -> Part:
        """Take all sound up to the first commit or end."""
        count = next((n for n, part in enumerate(self._parts, 1) if part.is_commit or part.is_last), len(self._parts))
        taken, self._parts = self._parts[:count], self._parts[count:]
        data = b"".join(part.data for part in taken)
        self._bytes -= len(data)
        return Part(data, taken[-1].is_commit, taken[-1].is_last)


class Transcriber:
    """A live session that takes bytes. It loads the model, and is used in threads, one at a time.

    rate: of the samples, in Hz. Raises CheckpointError.
    """

    def __init__(self, task: Task, checkpoints: Mapping[str, Checkpoint], context: str, rate: int):
        self._session = LiveSession(load_task(task, checkpoints), context)
        self._pcm = PcmStream()
        self._resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1) if rate != SAMPLE_RATE else None

    @property
    def seconds(self) -> float:
        """Length of all sound so far."""
        return self._session.seconds

    @property
    def is_open(self) -> bool:
        """Whether the open stretch has speech, whose text is not complete."""
        return self._session.is_open

    def take(self, part: Part) -> Iterator[Event]:
        """Yield the events of a part of the sound. Each takes one pass of the model over one stretch at most."""
        yield from self._session.add(self._samples(part))

    def flush(self) -> Iterator[Event]:
        """Close the open stretch; yield its end, if it has speech."""
        yield from self._session.flush()

    def _samples(self, part: Part) -> np.ndarray:
        samples = self._pcm.add(part.data)
        return self._resampler.resample_chunk(samples, last=part.is_last) if self._resampler else samples
