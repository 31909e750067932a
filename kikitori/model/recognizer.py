"""A loaded checkpoint, ready to decode."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch

from kikitori.model.cuda_graphs import GraphedStep
from kikitori.model.decoder import Decoder
from kikitori.model.encoder import mel_filters
from kikitori.model.qwen import build_prompt, end_token_ids, load_qwen_model

SYNC_EVERY_STEPS_ON_CUDA = 8
"""How often chosen tokens are fetched: each time the device has to be waited for."""


class Recognizer:
    """A loaded checkpoint that decodes: the stock `qwen_asr.Qwen3ASRModel` and our loop on its weights.

    attention: how far the encoder's tokens see, one of `kikitori.model.encoder.ATTENTION_MODES`.
    """

    def __init__(self, stock: Any, attention: str = "full"):
        self.qwen = stock
        self.attention = attention
        self.tokenizer = stock.processor.tokenizer
        self.end_ids = frozenset(end_token_ids(self.tokenizer))
        self.sync_every_steps = SYNC_EVERY_STEPS_ON_CUDA if stock.model.device.type == "cuda" else 1
        """After so many steps the chosen tokens are looked at."""
        self.one_at_a_time = threading.Lock()
        """Two jobs on one device at once would need twice the memory that was computed for one."""

    @cached_property
    def decoder(self) -> Decoder:
        """Made when it is first needed: ZeroGPU moves the weights before that."""
        return Decoder(self.qwen.model.thinker)

    @cached_property
    def filters(self) -> torch.Tensor:
        """The features' filters, where the model is."""
        return mel_filters(self.qwen.processor, self.qwen.model.device)

    @cached_property
    def step(self) -> Callable:
        """`Decoder.step`, replayed as a CUDA graph where there is CUDA."""
        return GraphedStep(self.decoder) if self.decoder.device.type == "cuda" else self.decoder.step

    def prompt_ids(self, language: str | None) -> tuple[list[int], list[int]]:
        """The ids before and after the audio tokens."""
        ids = self.tokenizer(build_prompt(self.qwen, language)).input_ids
        place = ids.index(self.qwen.model.thinker.config.audio_token_id)
        return ids[:place], ids[place + 1 :]

    def text(self, ids: list[int]) -> str:
        """Ids -> text with its tags and control tokens."""
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False).strip()


def load_recognizer(path: str, dtype=None, device: str = "cpu") -> Recognizer:
    """Load a checkpoint folder, as `kikitori.model.qwen.load_qwen_model` does."""
    return Recognizer(load_qwen_model(path, dtype, device))
