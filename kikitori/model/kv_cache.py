"""The decoder's KV cache: one tensor for all layers, with one slot per token position."""

from __future__ import annotations

import torch

MIN_BUCKET = 256  # tokens; longer caches are 512, 1024, 2048, ... tokens long
SPARE = 4  # how many times the memory of its rows a cache may keep


def bucket(length: int) -> int:
    """Return the shortest cache length, in tokens, that holds `length` tokens."""
    return max(MIN_BUCKET, power_of_two(length))


def power_of_two(number: int) -> int:
    """Return the lowest power of two that is not below a positive number."""
    return 1 << (number - 1).bit_length()


class KVCache:
    """Keys and values of a batch.

    memory: (layers, 2, room, key heads, length, head_dim), keys before values. A token's slot is its position.
    rows: how many rows are in use, from the first on. The others have any content.
    """

    def __init__(self, memory: torch.Tensor):
        self.memory = memory
        self.rows = memory.shape[2]

    @property
    def data(self) -> torch.Tensor:
        """The rows in use, as a view."""
        return self.memory[:, :, : self.rows]

    @property
    def length(self) -> int:
        """Tokens that a row can hold."""
        return self.memory.shape[4]

    @property
    def slot_bytes(self) -> int:
        """Bytes of one slot of one row."""
        return self.memory.nbytes // (self.memory.shape[2] * self.length)

    def part(self, start: int, end: int) -> KVCache:
        """Return rows `start` to `end` as a cache that shares this one's memory."""
        return KVCache(self.memory[:, :, start:end])

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

    def keep(self, order: list[int]) -> None:
        """Drop all rows but these, and put them in this order, in which no row is later than before."""
        for place, row in enumerate(order):
            if place != row:
                self.memory[:, :, place] = self.memory[:, :, row]
        self.rows = len(order)
        if self.memory.shape[2] >= SPARE * self.rows:
            self._move(self.rows, self.length)

    def join(self, other: KVCache) -> None:
        """Add the rows of another cache. The shorter ones grow."""
        rows = self.rows + other.rows
        if rows > self.memory.shape[2] or other.length > self.length:
            # Room for a power of two, so that most rows join without a copy of all others.
            self._move(power_of_two(rows), max(self.length, other.length))
        joined = self.memory[:, :, self.rows : rows]
        joined[..., : other.length, :] = other.data
        joined[..., other.length :, :] = 0  # NaN of an earlier row would spread, although these slots are masked
        self.rows = rows

    def grow(self, length: int) -> None:
        """Make room for `length` tokens per row."""
        if length > self.length:
            self._move(self.rows, length)

    def _move(self, room: int, length: int) -> None:
        """Copy the rows in use to new memory."""
        layers, two, _, heads, _, head_dim = self.memory.shape
        memory = self.memory.new_empty(layers, two, room, heads, length, head_dim)
        memory[:, :, : self.rows, :, : self.length] = self.data
        memory[:, :, : self.rows, :, self.length :] = 0
        self.memory = memory
