"""Engines whose answers a test decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kikitori.engines.engine import Prompt
from kikitori.result import Alignment, DecodingResult
from kikitori.transcript import Turn


class ScriptedEngine:
    """Decodes each clip by a function of its waveform, and aligns by another function.

    batches: how many clips came with each request. prompts: what came with them.
    """

    name = "scripted"

    def __init__(
        self,
        decode: Callable[[np.ndarray], DecodingResult | str],
        align: Callable[[np.ndarray, Sequence[Turn]], Alignment] | None = None,
    ):
        self._decode, self._align = decode, align
        self.batches: list[int] = []
        self.prompts: list[Prompt] = []

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        self.batches.append(len(waveforms))
        self.prompts.append(prompt)
        results = [self._decode(waveform) for waveform in waveforms]
        yield [DecodingResult(one, "end") if isinstance(one, str) else one for one in results]

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        return self._align(waveform, turns)
