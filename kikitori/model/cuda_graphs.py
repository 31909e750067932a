"""`Decoder.step` as CUDA graphs: one launch per token instead of several hundred.

A graph works on the memory that it was recorded with. There is one graph for each number of rows and cache length,
both rounded up to powers of two, and a cache is copied into its graph's memory before its first step there. Graphs end
with their process; on ZeroGPU each call records its own.
Not covered: `torch.compile`, which ZeroGPU does not allow.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass

import torch

from kikitori.model.decoder import Decoder
from kikitori.model.kv_cache import KVCache, power_of_two

WARM_UP_STEPS = 3  # torch asks for a few runs on a side stream before it records

log = logging.getLogger(__name__)


@dataclass
class RecordedStep:
    """A recorded step and the memory that it reads and writes.

    rotations: the tables of `Decoder.rotations`. The decoder replaces its own when it needs longer ones; the graph
        goes on reading these, so they are kept here.
    owner: the cache whose data is in the graph's memory.
    """

    graph: torch.cuda.CUDAGraph
    ids: torch.Tensor
    positions: torch.Tensor
    cache: KVCache
    logits: torch.Tensor
    rotations: tuple[torch.Tensor, torch.Tensor]
    owner: weakref.ref[KVCache] | None = None

    def move_in(self, cache: KVCache) -> None:
        """Copy a cache into the graph's memory, unless it is there; its previous owner gets memory of its own."""
        memory = self.cache.memory
        if cache.memory is memory:
            return
        owner = self.owner and self.owner()
        if owner is not None and owner.memory is memory:
            owner.memory = owner.data.clone()
        memory[:, :, : cache.rows] = cache.data
        cache.memory = memory
        self.owner = weakref.ref(cache)


class GraphedStep:
    """Called like `Decoder.step`, with the same result. If recording fails, steps run without graphs."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        self._recordings: dict[tuple[int, int], RecordedStep] = {}
        self._failed = False

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, cache: KVCache, filled: int) -> torch.Tensor:
        """Run `Decoder.step`; the cache moves into the graph's memory."""
        if self._failed:
            return self.decoder.step(ids, positions, cache, filled)
        rows = len(ids)
        key = (power_of_two(rows), cache.length)
        if key not in self._recordings:
            try:
                self._recordings[key] = self._record(*key)
            except torch.OutOfMemoryError:
                raise
            except (RuntimeError, ValueError) as error:  # ValueError: with CUDA in torch, for a model on a CPU
                log.warning("steps run without CUDA graphs: %s", error)
                self._failed = True
                return self.decoder.step(ids, positions, cache, filled)
        recording = self._recordings[key]
        recording.move_in(cache)
        recording.ids[:rows].copy_(ids)
        recording.positions[:rows].copy_(positions)
        recording.graph.replay()
        return recording.logits[:rows]

    @torch.inference_mode()
    def _record(self, rows: int, length: int) -> RecordedStep:
        device = self.decoder.device
        ids, positions = (torch.zeros(rows, dtype=torch.int64, device=device) for _ in range(2))
        cache = self.decoder.empty_cache(rows, length)
        rotations = self.decoder.rotations(length)
        graph, logits = capture(lambda: self.decoder.step(ids, positions, cache, length), device)
        return RecordedStep(graph, ids, positions, cache, logits, rotations)


def capture(function: Callable[[], torch.Tensor], device: torch.device) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
    """Record what a function launches. Returns the graph and the tensor that each replay writes the result to."""
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(WARM_UP_STEPS):
            function()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    # "thread_local": what other threads do with other checkpoints must not break this recording.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = function()
    return graph, result
