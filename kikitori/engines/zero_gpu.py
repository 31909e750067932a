"""A GPU borrowed from ZeroGPU for a few windows at a time; without ZeroGPU, this process's own device.

ZeroGPU gives every decorated function its own pool of workers, and each worker loads all models. So one function,
`run_on_gpu`, runs every request. Recordings are checked before a request is made: a visitor's quota is charged by what
is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import spaces  # before torch, which it patches on ZeroGPU

from kikitori.audio.files import SAMPLE_RATE
from kikitori.engines.engine import Prompt
from kikitori.engines.local import LocalEngine
from kikitori.result import Alignment, DecodingResult, last
from kikitori.tasks import Checkpoint
from kikitori.transcript import Turn

GPU_START_SECONDS = 15.0
"""For a worker that starts and moves the weights to the GPU."""
GPU_SECONDS_PER_SECOND = 0.5
"""Speech has up to 10 tokens per second, and the translation card reports 45.8 decoded per second: 0.22 s per second
of speech. This is about twice that, to be safe."""


@dataclass(frozen=True)
class StreamRequest:
    """Windows to decode. waveforms: float32 mono 16 kHz, (samples,) each."""

    checkpoint: Checkpoint
    aligner_checkpoint: Checkpoint
    waveforms: tuple[np.ndarray, ...]
    prompt: Prompt
    needs_speakers: bool = False
    max_tokens: int | None = None

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return sum(map(len, self.waveforms)) / SAMPLE_RATE

    def run(self) -> Iterator[list[DecodingResult]]:
        """Decode, where the GPU is."""
        engine = LocalEngine(self.checkpoint, self.aligner_checkpoint, needs_speakers=self.needs_speakers)
        return engine.stream(self.waveforms, self.prompt, self.max_tokens)


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
def run_on_gpu(request: StreamRequest | AlignRequest) -> Iterator[list[DecodingResult] | Alignment]:
    """Run any request: the one function that computes on ZeroGPU."""
    yield from request.run()


class ZeroGpuEngine:
    """Decodes and aligns through `run_on_gpu`; loads nothing by itself."""

    def __init__(self, checkpoint: Checkpoint, aligner_checkpoint: Checkpoint, needs_speakers: bool = False):
        self.name = checkpoint.name
        self._needs_speakers = needs_speakers
        self._checkpoints = checkpoint, aligner_checkpoint

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode clips, as `Engine.stream`."""
        request = StreamRequest(*self._checkpoints, tuple(waveforms), prompt, self._needs_speakers, max_tokens)
        return run_on_gpu(request)

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times, as `Engine.align`."""
        return last(run_on_gpu(AlignRequest(*self._checkpoints, waveform, tuple(turns), language)))
