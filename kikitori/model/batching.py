"""How many windows are written together, as many as there is memory for; and how many are heard at once."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import torch

from kikitori.model.encoder import audio_tokens, chunks_at_once, is_alone
from kikitori.model.kv_cache import bucket

if TYPE_CHECKING:
    from kikitori.model.recognizer import Recognizer

MEMORY_SHARE = 0.5
"""Of what is free. The rest is for what is not counted: the allocator's gaps, and copies when a cache grows."""
READ_TOGETHER_ON_CUDA = 8
PROMPT_TOKENS = 64
"""More than the prompt has around the audio."""


def plan(recognizer: Recognizer, samples: list[int], budgets: list[int]) -> list[list[int]]:
    """Windows -> batches of their indices: like lengths together, the longest first, each batch within the memory."""
    limit = free_bytes(recognizer.decoder.device) * MEMORY_SHARE - shared_bytes(recognizer)
    batches: list[list[int]] = []
    for index in sorted(range(len(samples)), key=lambda index: -samples[index]):
        full = not batches
        if not full:
            # Every row of a batch is as long as its first.
            longest = batches[-1][0]
            full = (len(batches[-1]) + 1) * row_bytes(recognizer, samples[longest], budgets[longest]) > limit
        if full:
            batches.append([])
        batches[-1].append(index)
    return batches


def read_together(recognizer: Recognizer, samples: list[int]) -> list[tuple[int, int]]:
    """Which windows go through encoder and prefill together: where each stretch of them starts and ends.

    samples: their lengths, the longest first. On CUDA several, to launch less; on a CPU, where one fills the caches,
    each by itself.
    """
    most = READ_TOGETHER_ON_CUDA if recognizer.decoder.device.type == "cuda" else 1
    stretches: list[tuple[int, int]] = []
    for index, count in enumerate(samples):
        start = stretches[-1][0] if stretches else index
        if not stretches or index - start == most or is_alone(count):
            stretches.append((index, index + 1))
        else:
            stretches[-1] = (start, index + 1)
    return stretches


def row_bytes(recognizer: Recognizer, samples: int, budget: int) -> int:
    """What one window takes at most: what is heard, its cache, the largest tensors of prefill or of the encoder."""
    decoder, tower = recognizer.decoder, recognizer.qwen.model.thinker.audio_tower
    prompt = audio_tokens(samples) + PROMPT_TOKENS
    cache = len(decoder.layers) * 2 * decoder.key_heads * decoder.head_dim * bucket(prompt + budget)
    layer = decoder.layers[0]
    # Gate and up, their product, and a token's row in and out of attention.
    prefill = prompt * (2 * layer.gate_up.shape[1] + 2 * layer.qkv.shape[1] + 4 * layer.out.shape[1])
    encoder = audio_tokens(samples) * (2 * tower.config.encoder_ffn_dim + 6 * tower.config.d_model)
    heard = prompt * decoder.embeddings.shape[1]
    return (heard + cache + max(prefill, encoder)) * decoder.dtype.itemsize


def shared_bytes(recognizer: Recognizer) -> int:
    """What a batch takes whatever its size: the outputs of the encoder's first convolution, before and after."""
    config = recognizer.qwen.model.thinker.audio_tower.config
    device = recognizer.decoder.device
    values = chunks_at_once(device) * config.downsample_hidden_size * (config.num_mel_bins // 2) * 50
    return 2 * values * recognizer.decoder.dtype.itemsize


def free_bytes(device: torch.device) -> int:
    """Memory that can be had on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out; on a CPU torch raises a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def free_memory() -> None:
    """Give back what a failed batch held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
