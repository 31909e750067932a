"""Batches fit into the memory that is free, also if it turns out to be less."""

from __future__ import annotations

import math
import os
import weakref

import pytest
import torch

from kikitori.model import batching
from kikitori.model.generate import decode, token_budget
from kikitori.model.kv_cache import KVCache
from kikitori.model.qwen import build_prompt
from tests.support.clips import CONTEXT, FIVE, NOISE, SHORT_CALLS, ids

pytestmark = pytest.mark.slow


def test_batches_fit_into_memory(tiny, monkeypatch):
    samples = [480000, 480000, 320000, 160000, 15999, 8000]
    model, budget = (tiny.decoder, tiny.tower), token_budget(30)
    assert batching.batch_size(*model, samples, budget, 18) == 6
    row, shared = batching.row_bytes(*model, 480000, budget, 18), batching.shared_bytes(*model)
    for rows in (1, 2, 3):
        free = int((rows * row + shared) / batching.MEMORY_SHARE) + 1
        monkeypatch.setattr(batching, "free_bytes", lambda device, free=free: free)
        assert batching.batch_size(*model, samples, budget, 18) == rows
    assert batching.batch_size(*model, samples, budget, 2000) == 1  # a longer prompt leaves room for fewer
    monkeypatch.setattr(batching, "free_bytes", lambda device: 0)
    assert batching.batch_size(*model, samples, budget, 18) == 1


def test_each_batch_is_planned_with_the_memory_that_is_free_then(tiny, monkeypatch):
    expected = ids(decode(tiny, FIVE, "Japanese", context=CONTEXT))
    prompt = tiny.prompt_ids(build_prompt(tiny.qwen, "Japanese", CONTEXT))
    rows, sizes = iter([2, 1, 9]), []

    def batch_size(decoder, tower, samples, budget, around):
        assert samples == sorted(samples, reverse=True)
        assert around == sum(map(len, prompt))
        sizes.append(min(next(rows), len(samples)))
        return sizes[-1]

    monkeypatch.setattr(batching, "batch_size", batch_size)
    assert ids(decode(tiny, FIVE, "Japanese", context=CONTEXT)) == expected
    assert sizes == [2, 1, 2]


@pytest.mark.parametrize("context", ["", "佐藤、" * 600], ids=["alone", "context"])
def test_a_row_takes_no_more_memory_than_planned(tiny, context):
    """What torch allocates for a batch of eight, against what was planned for it."""
    waveforms = [NOISE[: 20 * 16000]] * 8
    model = tiny.decoder, tiny.tower
    around = sum(map(len, tiny.prompt_ids(build_prompt(tiny.qwen, "Japanese", context))))
    row = batching.row_bytes(*model, len(waveforms[0]), token_budget(20), around)
    planned = 8 * row + batching.shared_bytes(*model)
    tiny.decoder.rotations(4096)
    with torch.profiler.profile(profile_memory=True) as profile:
        decode(tiny, waveforms, "Japanese", max_tokens=8, context=context)
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert planned / 6 < peak < planned


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, math.inf),
        ({"memory.max": "max", "memory.current": "700", "memory.stat": "inactive_file 100"}, math.inf),
        ({"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 5\ninactive_file 100"}, 400),
        ({"memory.max": "1000", "memory.current": "700", "memory.stat": "anon 600"}, 300),
        ({"memory.max": "1000", "memory.current": "1200", "memory.stat": "anon 600"}, 0),
        ({"memory.max": "1000"}, math.inf),
        (
            {
                "memory/memory.limit_in_bytes": "1000",
                "memory/memory.usage_in_bytes": "700",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 100",
            },
            400,
        ),
    ],
    ids=["no cgroup", "no limit", "page cache", "version 2", "over the limit", "incomplete", "version 1"],
)
def test_a_containers_memory_limit_is_respected(tmp_path, monkeypatch, files, free):
    (tmp_path / "memory").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    assert batching.cgroup_free_bytes(tmp_path) == free
    monkeypatch.setattr(batching, "CGROUP", tmp_path)
    assert batching.free_bytes(torch.device("cpu")) <= free


def test_free_memory_is_known_without_sysconf(monkeypatch):
    """macOS has no SC_AVPHYS_PAGES, Windows no os.sysconf."""
    monkeypatch.delattr(os, "sysconf", raising=False)
    assert 0 < batching.free_bytes(torch.device("cpu")) < 2**50


def test_a_batch_that_runs_out_of_memory_is_halved(tiny, monkeypatch):
    expected = ids(decode(tiny, FIVE, "Japanese"))
    allocate, failures = tiny.decoder.empty_cache, []

    def allocate_little(rows: int, length: int) -> KVCache:
        if rows > 2:
            failures.append(rows)
            raise torch.OutOfMemoryError("injected")
        return allocate(rows, length)

    monkeypatch.setattr(tiny.decoder, "empty_cache", allocate_little)
    assert ids(decode(tiny, FIVE, "Japanese")) == expected
    assert failures == [5], "smaller batches follow"

    def allocate_nothing(rows: int, length: int) -> KVCache:
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(tiny.decoder, "empty_cache", allocate_nothing)
    with pytest.raises(torch.OutOfMemoryError, match="none left"):
        decode(tiny, FIVE, "Japanese")
    assert not tiny.lock.locked()


def test_a_batch_that_ran_out_of_memory_is_released_before_the_next(tiny, monkeypatch):
    caches, step, alive = [], tiny.decoder.step, []

    def failing_step(ids, positions, cache, filled):
        if not caches:
            caches.append(weakref.ref(cache))
            raise torch.OutOfMemoryError("injected")
        return step(ids, positions, cache, filled)

    monkeypatch.setattr(tiny, "step", failing_step)
    monkeypatch.setattr(batching, "free_memory", lambda: alive.append(caches[0]() is not None))
    decode(tiny, SHORT_CALLS[:2], "Japanese")
    assert alive == [False]
