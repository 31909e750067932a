"""Rows leave and join a cache in its own memory, and those that stay are not changed."""

from __future__ import annotations

import pytest
import torch

from kikitori.model.batch import compact
from kikitori.model.kv_cache import KVCache


def cache_of(*numbers: float, length: int = 2) -> KVCache:
    """A cache whose rows hold one number each."""
    rows = torch.tensor(numbers)[None, None, :, None, None, None]
    return KVCache(rows.expand(2, 2, -1, 1, length, 3).clone())


def numbers(cache: KVCache) -> list[float]:
    """The number in the first slots of each row."""
    return cache.data[0, 0, :, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("places", "order"), [([0, 1, 2], [0, 1, 2]), ([1, 2, 4], [4, 1, 2]), ([3, 4], [4, 3]), ([2], [2]), ([], [])]
)
def test_the_last_rows_fill_the_gaps(places, order):
    assert compact(places) == order


def test_rows_leave_and_join_in_the_same_memory():
    cache = cache_of(0, 1, 2, 3, 4)
    memory = cache.memory
    cache.keep(compact([1, 3, 4]))
    assert numbers(cache) == [4, 1, 3] and cache.memory is memory
    cache.join(cache_of(5, 6))
    assert numbers(cache) == [4, 1, 3, 5, 6] and cache.memory is memory


def test_memory_grows_for_twice_as_many_rows_and_shrinks_when_few_are_left():
    cache = cache_of(0, 1, 2)
    cache.join(cache_of(3, 4))
    assert numbers(cache) == [0, 1, 2, 3, 4] and len(cache.memory[0, 0]) == 8
    cache.keep([0, 1, 2])
    assert len(cache.memory[0, 0]) == 8
    cache.keep([0, 1])
    assert numbers(cache) == [0, 1] and len(cache.memory[0, 0]) == 2


def test_what_an_earlier_row_left_is_not_read():
    """Attention multiplies masked slots by zero, which is NaN for NaN."""
    cache = cache_of(0, float("nan"), length=4)
    cache.keep([0])
    cache.join(cache_of(1, length=2))
    assert cache.data.isfinite().all() and numbers(cache) == [0, 1]


def test_a_longer_row_makes_all_rows_longer():
    cache = cache_of(1, 2, length=2)
    cache.join(cache_of(3, length=4))
    assert cache.length == 4 and numbers(cache) == [1, 2, 3]
    assert cache.data[:, :, :2, :, 2:].eq(0).all() and cache.data[:, :, 2:].eq(3).all()
