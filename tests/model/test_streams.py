"""Streams take turns on one model, in one thread and in several, with CUDA graphs and without."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import zip_longest

import numpy as np
import pytest
import torch

from kikitori.model import cuda_graphs, shared_batches
from kikitori.model.cuda_graphs import GraphedStep
from kikitori.model.fair_lock import FairLock
from kikitori.model.generate import decode, stream_decode
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.result import DecodingResult, last
from kikitori.tasks import TINY
from tests.support.clips import FIVE, SHORT_CALLS, ids
from tests.support.recorded_graph import RecordedGraph


@pytest.fixture
def recognizer() -> Recognizer:
    """As `tiny`, with a lock of its own, which may stay held after a failure."""
    recognizer = load_recognizer(str(TINY.folder), torch.float32)
    recognizer.lock = FairLock()
    return recognizer


@pytest.mark.slow
def test_steps_run_without_graphs_if_none_can_be_recorded(tiny, monkeypatch, caplog):
    waveforms = SHORT_CALLS
    expected = decode(tiny, waveforms, "Japanese")
    monkeypatch.setattr(tiny, "step", GraphedStep(tiny.decoder))
    assert decode(tiny, waveforms, "Japanese") == expected
    assert [record.message.partition(":")[0] for record in caplog.records] == ["steps run without CUDA graphs"]


@pytest.fixture
def graphed(tiny, monkeypatch) -> GraphedStep:
    """The tiny recognizer as on CUDA, with recordings that a CPU can replay."""
    step = GraphedStep(tiny.decoder)
    monkeypatch.setattr(cuda_graphs, "capture", RecordedGraph.capture)
    monkeypatch.setattr(tiny, "step", step)
    monkeypatch.setattr(tiny, "sync_every_steps", 8)
    return step


@pytest.mark.slow
def test_graphs_decode_the_same_and_are_reused(tiny, graphed, monkeypatch):
    with monkeypatch.context() as eager:
        eager.setattr(tiny, "step", tiny.decoder.step)
        expected = ids(decode(tiny, FIVE, "Japanese"))
    assert ids(decode(tiny, FIVE, "Japanese")) == expected
    recordings = dict(graphed._recordings)
    assert 8 in {rows for rows, _ in recordings} <= {1, 2, 4, 8}
    assert ids(decode(tiny, FIVE, "Japanese")) == expected
    assert graphed._recordings == recordings


@pytest.mark.slow
def test_a_graph_still_reads_its_own_rotations_after_a_longer_prompt(tiny, graphed):
    tiny.decoder.rotations(0)
    tiny.decoder._cos = tiny.decoder._cos[:0]  # as in a new process
    (expected,) = decode(tiny, SHORT_CALLS[:1], "Japanese")
    length = max(length for _, length in graphed._recordings)
    tiny.decoder.rotations(2 * length)
    assert decode(tiny, SHORT_CALLS[:1], "Japanese") == [expected]


def alike(results: Sequence[DecodingResult], expected: Sequence[DecodingResult]) -> bool:
    """Whether results have the same tokens. Batches of other sizes round probabilities differently."""
    for result, other in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.log_probabilities, other.log_probabilities, atol=1e-4)
    return [replace(result, log_probabilities=()) for result in results] == [
        replace(other, log_probabilities=()) for other in expected
    ]


def read_in_turns(*streams: Iterator[list[DecodingResult]]) -> list[list[DecodingResult]]:
    """Take one item of each stream in turn; return the last item of each."""
    lasts = [[] for _ in streams]
    for items in zip_longest(*streams):
        lasts = [item or previous for item, previous in zip(items, lasts, strict=True)]
    return lasts


def without_deadlock(work: Callable[[], None]) -> None:
    """Run work in a thread, and fail if it is not done after a minute."""
    done: list[bool] = []
    thread = threading.Thread(target=lambda: done.append(work() is None), daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive(), "deadlock"
    assert done, "it failed, see the traceback in the output"


@pytest.mark.slow
def test_two_streams_in_one_thread_take_turns(recognizer):
    groups = SHORT_CALLS[:2], SHORT_CALLS
    expected = [decode(recognizer, group, "Japanese") for group in groups]

    def work():
        read = read_in_turns(*(stream_decode(recognizer, group, "Japanese") for group in groups))
        assert all(map(alike, read, expected))

    without_deadlock(work)


@pytest.mark.slow
def test_a_clip_is_decoded_while_a_stream_is_half_read(recognizer):
    expected = decode(recognizer, SHORT_CALLS[:1], "Japanese"), decode(recognizer, SHORT_CALLS[1:2], "Japanese")

    def work():
        stream = stream_decode(recognizer, SHORT_CALLS[:1], "Japanese")
        next(stream)
        assert alike(decode(recognizer, SHORT_CALLS[1:2], "Japanese"), expected[1])
        assert alike(last(stream), expected[0])

    without_deadlock(work)


@pytest.mark.slow
def test_two_streams_take_turns_in_the_memory_of_one_graph(tiny, graphed, monkeypatch):
    """With one, two and three rows: the first two have a graph each, the last two share one of four rows."""
    monkeypatch.setattr(shared_batches, "MAX_SHARED_ROWS", 0)
    one, two, three = SHORT_CALLS
    for groups in (([one], [two]), ([one, two], [three, one]), ([one, two, three, two], [three, one, two])):
        expected = [decode(tiny, group, "Japanese") for group in groups]
        assert all(map(alike, read_in_turns(*(stream_decode(tiny, group, "Japanese") for group in groups)), expected))


@pytest.mark.slow
def test_streams_in_several_threads_get_what_they_get_alone(tiny, graphed):
    one, two, three = SHORT_CALLS
    groups = [[one, two], [two, three], [three], [three, one]]
    expected = [decode(tiny, group, "Japanese") for group in groups]
    with ThreadPoolExecutor(len(groups)) as pool:
        decoded = pool.map(lambda group: last(stream_decode(tiny, group, "Japanese")), groups)
        assert all(map(alike, decoded, expected))


@pytest.mark.slow
def test_only_one_thread_computes_on_a_model_at_a_time(tiny, monkeypatch):
    inside, overlaps, start = threading.Semaphore(1), [], threading.Barrier(8)

    def watched(compute: Callable) -> Callable:
        def work(*arguments):
            overlaps.append(not inside.acquire(blocking=False))
            try:
                return compute(*arguments)
            finally:
                inside.release()

        return work

    def job(_) -> tuple[int, ...]:
        start.wait()
        return decode(tiny, SHORT_CALLS[:1], "Japanese")[0].ids

    expected = decode(tiny, SHORT_CALLS[:1], "Japanese")[0].ids
    monkeypatch.setattr(tiny, "step", watched(tiny.step))
    monkeypatch.setattr(tiny.decoder, "prefill", watched(tiny.decoder.prefill))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(job, range(8))) == [expected] * 8
    assert len(overlaps) > 16 and not any(overlaps)


@pytest.mark.slow
def test_a_stream_yields_growing_texts_and_can_be_stopped(tiny):
    waveforms = SHORT_CALLS
    *growing, whole = stream_decode(tiny, waveforms, "Japanese")
    assert len(growing) > 1
    for before, after in zip(growing, [*growing[1:], whole], strict=True):
        for early, late in zip(before, after, strict=True):
            assert late.ids[: len(early.ids)] == early.ids
            assert early.ended_by == "end" or len(late.ids) >= len(early.ids)
    assert growing[0][0].ended_by == "cancelled" and growing[0][0].ids

    stopped = stream_decode(tiny, waveforms, "Japanese")
    assert next(stopped) == growing[0]
    stopped.close()
    assert decode(tiny, waveforms, "Japanese") == whole
