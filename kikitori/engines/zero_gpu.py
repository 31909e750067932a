"""A GPU borrowed from ZeroGPU for a few windows at a time; without ZeroGPU, this process's own device.

ZeroGPU gives every decorated function its own pool of workers, and each worker loads all models. So one function,
`run_on_gpu`, runs every request. Recordings are checked before a request is made: a visitor's quota is charged by what
is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import spaces  # before torch, which it patches on ZeroGPU

from kikitori.audio.files import SAMPLE_RATE
from kikitori.engines.engine import Prompt
from kikitori.engines.local import LocalEngine
from kikitori.errors import CheckpointError
from kikitori.result import Alignment, DecodingResult, last
from kikitori.tasks import Checkpoint
from kikitori.text.detected_language import DETECTION_SECONDS, MAX_PREFIX_TOKENS
from kikitori.transcript import Turn

GPU_START_SECONDS = 15.0
"""For a worker that starts and moves the weights to the GPU."""
GPU_SECONDS_PER_SECOND = 0.5
"""Speech has up to 10 tokens per second, and the translation card reports 45.8 decoded per second: 0.22 s per second
of speech. This is about twice that, to be safe."""

PREFIX_SHARE = 0.2
"""Of the time that a whole text takes: a clip is encoded and the prompt read. An estimate, to be safe."""


@dataclass(frozen=True)
class StreamRequest:
    """Windows to decode. waveforms: float32 mono 16 kHz, (samples,) each.

    check: a checkpoint that also hears which language is spoken, at the start of the first waveform.
    """

    checkpoint: Checkpoint
    aligner_checkpoint: Checkpoint
    waveforms: tuple[np.ndarray, ...]
    prompt: Prompt
    needs_speakers: bool = False
    max_tokens: int | None = None
    check: Checkpoint | None = None

    @property
    def seconds(self) -> float:
        """Length of the sound; where only the first tokens are decoded, the share that encoding takes."""
        share = PREFIX_SHARE if self.max_tokens else 1.0
        return share * sum(map(len, self.waveforms)) / SAMPLE_RATE

    def run(self) -> Iterator[list[DecodingResult] | CheckpointError]:
        """Decode, where the GPU is. With `check`, the first item is what that heard, or why it could not be loaded."""
        if self.check:
            yield self._heard()
        engine = LocalEngine(self.checkpoint, self.aligner_checkpoint, needs_speakers=self.needs_speakers)
        yield from engine.stream(self.waveforms, self.prompt, self.max_tokens)

    def _heard(self) -> list[DecodingResult] | CheckpointError:
        start = self.waveforms[0][: round(DETECTION_SECONDS * SAMPLE_RATE)]
        try:
            engine = LocalEngine(self.check, self.aligner_checkpoint)
        except CheckpointError as error:
            return error
        return last(engine.stream([start], Prompt(None), MAX_PREFIX_TOKENS))


@dataclass(frozen=True)
class AlignRequest:
    """One window to align. waveform: float32 mono 16 kHz, (samples,)."""

    checkpoint: Checkpoint
    aligner_checkpoint: Checkpoint
    waveform: np.ndarray
    turns: tuple[Turn, ...]
    language: str

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return len(self.waveform) / SAMPLE_RATE

    def run(self) -> Iterator[Alignment]:
        """Align, where the GPU is."""
        yield LocalEngine(self.checkpoint, self.aligner_checkpoint).align(self.waveform, self.turns, self.language)


def gpu_seconds(request: StreamRequest | AlignRequest) -> float:
    """How long ZeroGPU is asked for."""
    return GPU_START_SECONDS + GPU_SECONDS_PER_SECOND * request.seconds


@spaces.GPU(duration=gpu_seconds)
def run_on_gpu(request: StreamRequest | AlignRequest) -> Iterator[list[DecodingResult] | CheckpointError | Alignment]:
    """Run any request: the one function that computes on ZeroGPU."""
    yield from request.run()


class ZeroGpuEngine:
    """Decodes and aligns through `run_on_gpu`; loads nothing by itself.

    check: a checkpoint that hears, within the first request, which language is spoken: a request of its own would
    cost seconds of a visitor's quota. `heard` is then what it wrote, or why it could not be loaded.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        aligner_checkpoint: Checkpoint,
        needs_speakers: bool = False,
        check: Checkpoint | None = None,
    ):
        self.name = checkpoint.name
        self._needs_speakers = needs_speakers
        self._checkpoints = checkpoint, aligner_checkpoint
        self._check = check
        self.heard: list[DecodingResult] | CheckpointError = []

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode clips, as `Engine.stream`."""
        check, self._check = self._check, None
        results = run_on_gpu(
            StreamRequest(*self._checkpoints, tuple(waveforms), prompt, self._needs_speakers, max_tokens, check)
        )
        with closing(results):
            if check:
                self.heard = next(results)
            yield from results

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times, as `Engine.align`."""
        return last(run_on_gpu(AlignRequest(*self._checkpoints, waveform, tuple(turns), language)))


class HeardLanguage:
    """The language check that another engine's first request has made."""

    def __init__(self, engine: ZeroGpuEngine):
        self.name = engine.name
        self._engine = engine

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Yield what was heard, whatever the arguments. Raises CheckpointError if nothing could be heard."""
        if isinstance(self._engine.heard, CheckpointError):
            raise self._engine.heard
        yield self._engine.heard

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times, as `Engine.align`."""
        return self._engine.align(waveform, turns, language)
