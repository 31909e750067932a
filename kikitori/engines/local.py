"""A checkpoint loaded in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from kikitori.engines.engine import Prompt
from kikitori.model.aligner import align_turns, load_qwen_aligner
from kikitori.model.checkpoints import check_speaker_tokens, choose_device, choose_dtype, load_once
from kikitori.model.generate import stream_decode
from kikitori.model.growing_clip import GrowingClip
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.result import Alignment, DecodingResult
from kikitori.tasks import Checkpoint
from kikitori.transcript import Turn


class LocalEngine:
    """Decodes with a loaded recognizer; loads the forced aligner when it is first needed.

    checkpoint: loaded at once; raises CheckpointError. aligner_checkpoint: loaded by `align` or `aligner`.
    device: a torch device, None for CUDA if there is one, else the CPU. dtype: a torch dtype, None for `choose_dtype`.
    needs_speakers: refuse a checkpoint that can't mark speakers.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        aligner_checkpoint: Checkpoint,
        device: str | None = None,
        dtype=None,
        needs_speakers: bool = False,
    ):
        self.name = checkpoint.name
        self._aligner_checkpoint = aligner_checkpoint
        self._device = choose_device(device)
        self._dtype = dtype
        load = partial(load_recognizer, weights=checkpoint.weights)
        chosen = dtype or choose_dtype(self._device, checkpoint)
        self.recognizer: Recognizer = load_once(checkpoint, self._device, chosen, load)
        if needs_speakers:
            check_speaker_tokens(self.recognizer.tokenizer, checkpoint.name)

    @property
    def aligner(self) -> Any:
        """The `qwen_asr.Qwen3ForcedAligner`, loaded once per process. Raises CheckpointError."""
        return load_aligner(self._aligner_checkpoint, self._device, self._dtype)

    @property
    def device_and_dtype(self) -> str:
        """Where it computes and in what, such as `cpu (float32)` or `cpu (bfloat16, int8 weights)`."""
        model = self.recognizer.qwen.model
        weights = self.recognizer.weights and f", {self.recognizer.weights} weights"
        return f"{model.device} ({str(model.dtype).removeprefix('torch.')}{weights})"

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode clips, as `Engine.stream`."""
        return stream_decode(self.recognizer, waveforms, prompt.language, max_tokens=max_tokens, context=prompt.context)

    def growing_clip(self, prompt: Prompt) -> GrowingClip:
        """Return a clip that is decoded again and again while it grows."""
        return GrowingClip(self.recognizer, prompt.language, prompt.context)

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times, as `Engine.align`."""
        return align_turns(self.aligner, waveform, turns, language)


def load_aligner(checkpoint: Checkpoint, device: str | None = None, dtype=None) -> Any:
    """Load a `qwen_asr.Qwen3ForcedAligner`, once per process. Raises CheckpointError.

    device, dtype: as in LocalEngine.
    """
    device = choose_device(device)
    return load_once(checkpoint, device, dtype or choose_dtype(device, checkpoint), load_qwen_aligner)
