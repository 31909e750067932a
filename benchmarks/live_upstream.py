"""Upstream's method of live text, for comparison: for each chunk, the model hears all sound again from the start.

These are the rules of `Qwen3ASRModel.streaming_transcribe` in qwen-asr, which runs on vLLM only. Here our decoder runs
them, and it keeps the encoder's convolutions of earlier seconds, which upstream computes again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from unittest.mock import patch

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.engines.engine import Prompt
from kikitori.model import generate
from kikitori.transcribe import Model

CHUNK_SECONDS = 2
UNFIXED_CHUNKS, UNFIXED_TOKENS = 2, 5
"""How many chunks begin without a text, and how many tokens of the last text later chunks decode again."""
MAX_NEW_TOKENS = 32


def read_again(model: Model, waveform: np.ndarray, max_new_tokens: int = MAX_NEW_TOKENS) -> Iterator[tuple[str, float]]:
    """Yield the whole text after each chunk, and the seconds of computing that it cost.

    model: its engine must be in this process. waveform: float32 mono 16 kHz, (samples,).
    """
    clip = model.engine.growing_clip(Prompt(model.task.language))
    step = CHUNK_SECONDS * SAMPLE_RATE
    ids: list[int] = []
    shares: list[float] = []
    for number, end in enumerate(range(step, len(waveform) + 1, step)):
        kept = max(0, len(ids) - UNFIXED_TOKENS) if number >= UNFIXED_CHUNKS else 0
        given = ids[:kept], shares[:kept]
        begun = time.perf_counter()
        with patch.object(generate, "token_budget", lambda _, most=kept + max_new_tokens: most):
            result = clip.decode(waveform[:end], *given)
        seconds = time.perf_counter() - begun
        has_end = result.ended_by == "end"
        ids, shares = ([*part[:-1]] if has_end else [*part] for part in (result.ids, result.log_probabilities))
        yield result.text, seconds
