"""A loaded checkpoint, ready to decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import torch

from kikitori.model.cuda_graphs import GraphedStep
from kikitori.model.decoder import Decoder
from kikitori.model.encoder import mel_filters
from kikitori.model.fair_lock import device_lock
from kikitori.model.quantised_checkpoint import load_quantised
from kikitori.model.qwen import end_token_ids, load_qwen_model
from kikitori.model.weights import stored_format

if TYPE_CHECKING:
    from torch.nn import Module

    from kikitori.model.decoder import LayerMatrices
    from kikitori.model.qwen import Qwen3ASRModel

SYNC_EVERY_STEPS_ON_CUDA = 8  # decoding steps before the host fetches tokens, for which it waits for the device


class Recognizer:
    """A `qwen_asr.Qwen3ASRModel` with this project's decoding loop on its weights.

    attention: how far the encoder's attention reaches, one of `kikitori.model.encoder.ATTENTION_MODES`.
    weights: the format of the decoder's matrices; empty for the model's own. matrices: each layer's, in that format.
    """

    def __init__(
        self,
        qwen: Qwen3ASRModel,
        attention: str = "full",
        weights: str = "",
        matrices: Sequence[LayerMatrices] | None = None,
    ):
        self.qwen = qwen
        self.attention = attention
        self.weights = weights
        self._matrices = matrices
        self.tokenizer = qwen.processor.tokenizer
        self.end_ids = frozenset(end_token_ids(self.tokenizer))
        self.sync_every_steps = SYNC_EVERY_STEPS_ON_CUDA if qwen.model.device.type == "cuda" else 1
        # Held while the model computes.
        self.lock = device_lock(qwen.model.device)
        # The batches (kikitori/model/shared_batches.py) that others may join.
        self.running: WeakSet = WeakSet()

    @cached_property
    def decoder(self) -> Decoder:
        """The decoder; built on first use, because ZeroGPU moves the weights between loading and the first call."""
        return Decoder(self.qwen.model.thinker, self._matrices)

    @property
    def tower(self) -> Module:
        """The original model's audio encoder."""
        return self.qwen.model.thinker.audio_tower

    @cached_property
    def filters(self) -> torch.Tensor:
        """Mel filters on the model's device, from `mel_filters`."""
        return mel_filters(self.qwen.processor, self.qwen.model.device)

    @cached_property
    def step(self) -> Callable:
        """`Decoder.step`, on CUDA replayed as a graph."""
        return GraphedStep(self.decoder) if self.decoder.device.type == "cuda" else self.decoder.step

    def prompt_ids(self, prompt: str) -> tuple[list[int], list[int]]:
        """Return the ids of a prompt, from `build_prompt`, before and after the audio tokens."""
        ids = self.tokenizer(prompt).input_ids
        place = ids.index(self.qwen.model.thinker.config.audio_token_id)
        return ids[:place], ids[place + 1 :]

    def text(self, ids: list[int]) -> str:
        """Return the text of token ids, with its tags and control tokens."""
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False).strip()


def load_recognizer(path: str, dtype: torch.dtype | None = None, device: str = "cpu", weights: str = "") -> Recognizer:
    """Load a checkpoint folder; arguments and errors are those of `load_qwen_model`.

    weights: the format in which the decoder's matrices are held (kikitori/model/quantised_checkpoint.py), empty for the
    folder's own. Quantised weights are for a CPU only; without a dtype they are computed in bfloat16.
    """
    weights = weights or stored_format(Path(path))
    if weights:
        qwen, matrices = load_quantised(Path(path), weights, dtype or torch.bfloat16, device)
        return Recognizer(qwen, weights=weights, matrices=matrices)
    return Recognizer(load_qwen_model(path, dtype, device))
