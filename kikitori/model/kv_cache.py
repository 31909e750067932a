"""The decoder's KV cache: one tensor for all layers, with a slot for each position."""

from __future__ import annotations

import torch
import torch.nn.functional as F

MIN_BUCKET = 256
"""The cache's length is this or twice, four times… as much."""


def bucket(length: int) -> int:
    """The least bucket that holds so many tokens."""
    return max(MIN_BUCKET, 1 << (length - 1).bit_length())


class KVCache:
    """Keys and values of some rows: (layers, 2, rows, key heads, length, head_dim); a slot is a token's position."""

    def __init__(self, data: torch.Tensor):
        self.data = data

    def part(self, start: int, end: int) -> KVCache:
        """Some of the rows, in the same memory."""
        return KVCache(self.data[:, :, start:end])

    def layers(self, filled: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each layer's keys and values of the first `filled` slots, as views."""
        return self._pairs(slice(filled))

    def slots(self, position: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Each layer's key and value at a position, (rows, key heads, head_dim) each, as views."""
        return self._pairs(position)

    def _pairs(self, place: slice | int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        parts = self.data[:, :, :, :, place].flatten(0, 1).unbind()
        return list(zip(parts[::2], parts[1::2], strict=True))

    @property
    def length(self) -> int:
        """How many tokens a row can hold."""
        return self.data.shape[4]

    def keep(self, rows: torch.Tensor) -> None:
        """Only these rows stay, in this order."""
        self.data = self.data[:, :, rows]

    def grow(self, length: int) -> None:
        """Room for more tokens a row."""
        self.data = F.pad(self.data, (0, 0, 0, length - self.length))
