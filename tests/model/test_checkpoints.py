"""Loading a checkpoint once, while others are fetched or loaded in other threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kikitori.errors import CheckpointError
from kikitori.model import checkpoints
from kikitori.model.checkpoints import load_once
from kikitori.tasks import TINY, TINY_ALIGNER, Checkpoint

PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def nothing_loaded(monkeypatch):
    monkeypatch.setattr(checkpoints, "_LOADED", {})
    monkeypatch.setattr(checkpoints, "_LOCKS", {})


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_a_loaded_checkpoint_is_returned_while_another_one_loads(pool):
    started, release = threading.Event(), threading.Event()

    def slowly(folder, dtype, device):
        started.set()
        assert release.wait(PATIENCE_SECONDS)
        return "slow"

    assert load_once(TINY, "cpu", None, lambda *arguments: "fast") == "fast"
    slow = pool.submit(load_once, TINY_ALIGNER, "cpu", None, slowly)
    assert started.wait(PATIENCE_SECONDS)
    try:
        fast = pool.submit(load_once, TINY, "cpu", None, slowly)
        assert fast.result(PATIENCE_SECONDS / 2) == "fast"
    finally:
        release.set()
    assert slow.result(PATIENCE_SECONDS) == "slow"


def test_a_checkpoint_loads_while_another_one_is_fetched(pool, monkeypatch):
    started, release = threading.Event(), threading.Event()

    def checkpoint_folder(checkpoint):
        if checkpoint.repo_id:
            started.set()
            assert release.wait(PATIENCE_SECONDS)
        return TINY.folder

    monkeypatch.setattr(checkpoints, "checkpoint_folder", checkpoint_folder)
    fetched = pool.submit(load_once, Checkpoint("someone/large"), "cpu", None, lambda *arguments: "large")
    assert started.wait(PATIENCE_SECONDS)
    try:
        small = pool.submit(load_once, TINY, "cpu", None, lambda *arguments: "small")
        assert small.result(PATIENCE_SECONDS / 2) == "small"
    finally:
        release.set()
    assert fetched.result(PATIENCE_SECONDS) == "large"


def test_checkpoints_are_built_one_at_a_time(pool):
    """transformers changes torch's default dtype, which all threads share."""
    building, overlaps = threading.Semaphore(1), []

    def build(folder, dtype, device):
        overlaps.append(not building.acquire(blocking=False))
        threading.Event().wait(0.2)
        building.release()
        return folder

    for future in [pool.submit(load_once, checkpoint, "cpu", None, build) for checkpoint in (TINY, TINY_ALIGNER)]:
        future.result(PATIENCE_SECONDS)
    assert overlaps == [False, False]


def test_two_threads_load_one_checkpoint_once(pool):
    start, loads = threading.Barrier(2), []

    def load(folder, dtype, device):
        loads.append(folder)
        threading.Event().wait(0.2)
        return object()

    def job():
        start.wait(PATIENCE_SECONDS)
        return load_once(TINY, "cpu", None, load)

    first, second = (future.result(PATIENCE_SECONDS) for future in [pool.submit(job), pool.submit(job)])
    assert first is second
    assert loads == [str(TINY.folder)]


def test_a_checkpoint_that_failed_to_load_can_be_loaded_later():
    def fail(folder, dtype, device):
        raise ValueError("not yet\nsecond line")

    with pytest.raises(CheckpointError) as caught:
        load_once(TINY, "cpu", None, fail)
    assert caught.value.code == "checkpoint_unloadable"
    assert caught.value.values["why"] == "not yet"
    assert load_once(TINY, "cpu", None, lambda *arguments: "loaded") == "loaded"
