"""How many clips are decoded as one batch, by the memory that is free, and how many are encoded together."""

from __future__ import annotations

import gc
import math
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import torch

from kikitori.model.encoder import audio_tokens, chunks_at_once, is_below_one_chunk
from kikitori.model.kv_cache import bucket

if TYPE_CHECKING:
    from torch.nn import Module

    from kikitori.model.decoder import Decoder

# Share of the free memory that a batch may take. The rest covers what is not counted: gaps between the allocator's
# blocks, copies while a cache grows, and the cache of another stream that takes turns with this one.
MEMORY_SHARE = 0.5
ENCODED_TOGETHER_ON_CUDA = 8  # clips
CGROUP = Path("/sys/fs/cgroup")


def batch_size(decoder: Decoder, tower: Module, samples: list[int], budget: int, around: int) -> int:
    """Return how many clips, from the first on, fit into memory as one batch; at least 1.

    samples: the clips' lengths, longest first. budget: tokens for the text of the first. around: the prompt's tokens
    around the audio. Every row of a batch takes as much memory as the first one.
    """
    limit = free_bytes(decoder.device) * MEMORY_SHARE - shared_bytes(decoder, tower)
    return max(1, min(len(samples), int(limit // row_bytes(decoder, tower, samples[0], budget, around))))


def encoder_groups(device: torch.device, samples: list[int]) -> list[tuple[int, int]]:
    """Return which clips go through encoder and prefill together: (start, end) of each group.

    samples: the clips' lengths, longest first. On CUDA a group has several clips, which saves launches. On a CPU it
    has one clip, which fills the processor's caches already.
    """
    most = ENCODED_TOGETHER_ON_CUDA if device.type == "cuda" else 1
    groups: list[tuple[int, int]] = []
    for index, count in enumerate(samples):
        start = groups[-1][0] if groups else index
        if not groups or index - start == most or is_below_one_chunk(count):
            groups.append((index, index + 1))
        else:
            groups[-1] = (start, index + 1)
    return groups


def row_bytes(decoder: Decoder, tower: Module, samples: int, budget: int, around: int) -> int:
    """Return the most bytes that one clip takes: its embeddings, its KV cache, and the largest intermediate tensors.

    tower: the original model's `thinker.audio_tower`. samples: the clip's length. budget: tokens for its text. around:
    the prompt's tokens around the audio.
    """
    prompt = audio_tokens(samples) + around
    cache = len(decoder.layers) * 2 * decoder.key_heads * decoder.head_dim * bucket(prompt + budget)
    layer = decoder.layers[0]
    # Gate and up and their product, and a token's input and output of attention.
    prefill = prompt * (2 * layer.gate_up.shape[1] + 2 * layer.qkv.shape[1] + 4 * layer.out.shape[1])
    encoder = audio_tokens(samples) * (2 * tower.config.encoder_ffn_dim + 6 * tower.config.d_model)
    embeddings = prompt * decoder.embeddings.shape[1]
    return (embeddings + cache + max(prefill, encoder)) * decoder.dtype.itemsize


def shared_bytes(decoder: Decoder, tower: Module) -> int:
    """Return the bytes that a batch of any size takes: input and output of the encoder's first activation."""
    config = tower.config
    values = chunks_at_once(decoder.device) * config.downsample_hidden_size * (config.num_mel_bins // 2) * 50
    return 2 * values * decoder.dtype.itemsize


def free_bytes(device: torch.device) -> float:
    """Return the bytes that can be allocated on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(psutil.virtual_memory().available, cgroup_free_bytes(CGROUP))


def cgroup_free_bytes(folder: Path) -> float:
    """Return the bytes that a container's memory limit leaves; infinity without a limit.

    folder: where cgroups are mounted, version 2 or 1. Page cache that the kernel can reclaim counts as free.
    Not covered: a limit on a group below the mounted one, such as a systemd service's.
    """
    for limit_file, usage_file, stat_file, cached in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            limit = (folder / limit_file).read_text().strip()
            if limit == "max":
                return math.inf
            used = int((folder / usage_file).read_text())
            stat = dict(line.split() for line in (folder / stat_file).read_text().splitlines())
            return max(0, int(limit) - used + int(stat.get(cached, 0)))
        except (OSError, ValueError):
            continue
    return math.inf


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error means that memory ran out. On a CPU torch raises a plain RuntimeError for that."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def free_memory() -> None:
    """Release the memory of tensors that are no longer used."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
