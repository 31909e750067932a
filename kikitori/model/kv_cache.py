"""The decoder's KV cache: one tensor for all layers, with one slot per token position."""

from __future__ import annotations

import torch
import torch.nn.functional as F

MIN_BUCKET = 256  # tokens; longer caches are 512, 1024, 2048, ... tokens long


def bucket(length: int) -> int:
    """Return the shortest cache length, in tokens, that holds `length` tokens."""
    return max(MIN_BUCKET, 1 << (length - 1).bit_length())


class KVCache:
    """Keys and values of a batch.

    data: (layers, 2, rows, key heads, length, head_dim), keys before values. A token's slot is its position.
    """

    def __init__(self, data: torch.Tensor):
        self.data = data

    @property
    def length(self) -> int:
        """Tokens that a row can hold."""
        return self.data.shape[4]

    def part(self, start: int, end: int) -> KVCache:
        """Return rows `start` to `end` as a cache that shares this one's memory."""
        return KVCache(self.data[:, :, start:end])

    def layers(self, filled: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return each layer's keys and values in the first `filled` slots, as views.

        Each is (rows, key heads, filled, head_dim).
        """
        return self._pairs(slice(filled))

    def slots(self, position: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return each layer's key and value at a position, as views; each is (rows, key heads, head_dim)."""
        return self._pairs(position)

    def _pairs(self, positions: slice | int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        parts = self.data[:, :, :, :, positions].flatten(0, 1).unbind()
        return list(zip(parts[::2], parts[1::2], strict=True))

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these, and put them in this order; rows is int64."""
        self.data = self.data[:, :, rows]

    def grow(self, length: int) -> None:
        """Make room for `length` tokens per row."""
        self.data = F.pad(self.data, (0, 0, 0, length - self.length))
