"""`Decoder.step` as CUDA graphs: one launch a token instead of some hundred.

A graph is bound to the memory it was recorded with, so there is one for each number of rows and length of cache, both
rounded up to powers of two; a cache moves into its graph's memory the first time. Graphs end with their process: on
ZeroGPU each call records its own.
Not covered: a step compiled by `torch.compile`, which ZeroGPU does not allow.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import torch

from kikitori.model.decoder import Decoder
from kikitori.model.kv_cache import KVCache

WARM_UP_STEPS = 3
"""torch asks for some runs on a side stream before it records."""
log = logging.getLogger(__name__)


@dataclass
class RecordedStep:
    """A recorded step and the memory it reads and writes."""

    graph: torch.cuda.CUDAGraph
    ids: torch.Tensor
    positions: torch.Tensor
    cache: KVCache
    logits: torch.Tensor


class GraphedStep:
    """Called as `Decoder.step`, with the same result. Where recording fails, steps run as they are."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder
        self._recordings: dict[tuple[int, int], RecordedStep] = {}
        self._failed = False

    def clear(self) -> None:
        """Let go of all graphs and their memory."""
        self._recordings.clear()

    def __call__(self, ids: torch.Tensor, positions: torch.Tensor, cache: KVCache, filled: int) -> torch.Tensor:
        """As `Decoder.step`; the cache moves into the graph's memory."""
        if self._failed:
            return self.decoder.step(ids, positions, cache, filled)
        rows = len(ids)
        key = (1 << (rows - 1).bit_length(), cache.length)
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
        own = recording.cache.data[:, :, :rows]
        if cache.data.data_ptr() != own.data_ptr():
            own.copy_(cache.data)
            cache.data = own
        recording.ids[:rows].copy_(ids)
        recording.positions[:rows].copy_(positions)
        recording.graph.replay()
        return recording.logits[:rows]

    @torch.inference_mode()
    def _record(self, rows: int, length: int) -> RecordedStep:
        device = self.decoder.device
        ids, positions = (torch.zeros(rows, dtype=torch.int64, device=device) for _ in range(2))
        cache = self.decoder.empty_cache(rows, length)
        self.decoder.rotations(length)
        side = torch.cuda.Stream(device)
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self.decoder.step(ids, positions, cache, length)
        torch.cuda.current_stream(device).wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # What other threads do, with other checkpoints, does not break this recording.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            logits = self.decoder.step(ids, positions, cache, length)
        return RecordedStep(graph, ids, positions, cache, logits)
