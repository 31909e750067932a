"""Jobs that wait for one model share its batches, and each gets what it gets alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np
import pytest
import torch

from benchmarks.agreement import random_tiny
from kikitori.audio.files import load_audio
from kikitori.errors import CheckpointError
from kikitori.model import batching, generate, shared_batches
from kikitori.model.batch import STREAM_EVERY_TOKENS, Batch
from kikitori.model.fair_lock import FairLock
from kikitori.model.generate import decode, stream_decode
from kikitori.model.qwen import build_prompt
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.model.row import Row
from kikitori.model.shared_batches import SharedBatch
from kikitori.result import DecodingResult, last
from kikitori.tasks import TASKS, TINY
from tests.support.recordings import RECORDINGS, recordings_in
from tests.support.server import until

pytestmark = pytest.mark.slow

SPOKEN = [(load_audio(one.path), TASKS[one.direction].language) for one in recordings_in(RECORDINGS)]
LANGUAGES = ("English", "Japanese", "Portuguese")
# All short recordings of a language, so that a text takes several turns.
CLIPS = [
    (np.concatenate([sound for sound, its in SPOKEN if its == language and len(sound) < 4 * 16000]), language)
    for language in LANGUAGES
]
NOISE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


@pytest.fixture
def recognizer() -> Recognizer:
    """The tiny checkpoint with a lock of its own, which may stay held after a failure."""
    recognizer = load_recognizer(str(TINY.folder), torch.float32)
    recognizer.lock = FairLock()
    return recognizer


@pytest.fixture
def steps(recognizer, monkeypatch) -> list[int]:
    """The number of rows of each step."""
    return counted(recognizer, monkeypatch)


def counted(recognizer: Recognizer, monkeypatch) -> list[int]:
    rows, step = [], recognizer.step

    def count(ids, *others):
        rows.append(len(ids))
        return step(ids, *others)

    monkeypatch.setattr(recognizer, "step", count)
    return rows


def never(text: str) -> bool:
    return False


def stream(recognizer: Recognizer, place: int, context: str = "") -> Iterator[list[DecodingResult]]:
    waveform, language = CLIPS[place]
    return stream_decode(recognizer, [waveform], language, context=context)


def texts(results: list[DecodingResult]) -> list[tuple]:
    return [(result.text, result.ids, result.ended_by) for result in results]


def test_threads_that_wait_together_are_decoded_together(recognizer, steps):
    """With three languages, and a context: each job has a prompt of its own."""
    contexts = ("", "", "São João")
    alone = [texts(last(stream(recognizer, place, context))) for place, context in enumerate(contexts)]
    apart = len(steps)
    steps.clear()
    with ThreadPoolExecutor(len(CLIPS)) as pool:
        with recognizer.lock:
            jobs = [pool.submit(last, stream(recognizer, place, context)) for place, context in enumerate(contexts)]
            until(lambda: len(recognizer.lock._waiting) == len(jobs))
        together = [texts(job.result()) for job in jobs]
    assert together == alone
    assert max(steps) == steps[0] == len(CLIPS)
    assert len(steps) < apart / 2
    assert not recognizer.running and not recognizer.lock.locked()


def test_drafts_of_a_shared_batch_grow_to_the_whole_text(recognizer):
    first, second = stream(recognizer, 0), stream(recognizer, 1)
    drafts = [next(first), next(second), *second]
    (whole,) = drafts[-1]
    assert drafts[0][0].text and texts(drafts[-1]) == texts(last(stream(recognizer, 1)))
    assert all(whole.ids[: len(draft.ids)] == draft.ids for (draft,) in drafts[1:])
    assert texts(last(first)) == texts(last(stream(recognizer, 0)))


def test_a_job_that_is_closed_leaves_the_batch(recognizer, steps):
    expected = texts(last(stream(recognizer, 1)))
    closed, other = stream(recognizer, 0), stream(recognizer, 1)
    next(closed)
    next(other)
    assert max(steps) == 2
    closed.close()
    steps.clear()
    assert texts(last(other)) == expected
    assert set(steps[1:]) == {1}


def test_nothing_is_kept_of_a_job_that_is_closed_alone(recognizer):
    closed = stream(recognizer, 0)
    next(closed)
    assert len(recognizer.running) == 1
    closed.close()
    assert not recognizer.running


def test_numbers_that_are_not_finite_are_the_error_of_their_own_job(recognizer, steps):
    expected = texts(last(stream(recognizer, 0)))
    broken = stream_decode(recognizer, [np.full(32000, np.nan, np.float32)], "English")
    with ThreadPoolExecutor(2) as pool:
        with recognizer.lock:
            jobs = []
            for made in (stream(recognizer, 0), broken):
                jobs.append(pool.submit(last, made))
                until(lambda: len(recognizer.lock._waiting) == len(jobs))
        assert texts(jobs[0].result()) == expected
        with pytest.raises(CheckpointError, match="NaN or infinity"):
            jobs[1].result()
    assert max(steps) == 2


def test_an_error_in_a_shared_step_reaches_the_job_that_causes_it(monkeypatch, caplog):
    """The first job's rule fails after 64 tokens, when it is the second's turn to decode."""
    recognizer = random_tiny(0)
    steps = counted(recognizer, monkeypatch)

    def fail(text: str) -> bool:
        raise ArithmeticError("mine")

    expected = decode(recognizer, [NOISE], None, never, max_tokens=80)
    bad, good = (stream_decode(recognizer, [NOISE], None, rule, max_tokens=80) for rule in (fail, never))
    next(bad)
    assert texts(last(good)) == texts(expected)
    assert max(steps) == 2
    assert [record.args[0] for record in caplog.records] == [2]
    with pytest.raises(ArithmeticError, match="mine"):
        last(bad)


def test_jobs_whose_shared_batch_runs_out_of_memory_are_decoded_alone(recognizer, monkeypatch):
    expected = [texts(last(stream(recognizer, place))) for place in range(2)]
    step, failures = recognizer.step, []

    def step_with_little_memory(ids, *others):
        if len(ids) > 1:
            failures.append(len(ids))
            raise torch.OutOfMemoryError("injected")
        return step(ids, *others)

    monkeypatch.setattr(recognizer, "step", step_with_little_memory)
    first, second = stream(recognizer, 0), stream(recognizer, 1)
    next(first)
    assert [texts(last(second)), texts(last(first))] == expected[::-1]
    assert failures == [2]


@pytest.mark.parametrize("reason", ["rows", "memory"])
def test_rows_that_do_not_fit_together_take_turns(recognizer, steps, monkeypatch, reason):
    if reason == "memory":
        monkeypatch.setattr(batching, "free_bytes", lambda device: 0)
    else:
        monkeypatch.setattr(shared_batches, "MAX_SHARED_ROWS", 1)
    expected = [texts(last(stream(recognizer, place))) for place in range(2)]
    first, second = stream(recognizer, 0), stream(recognizer, 1)
    next(first)
    assert [texts(last(second)), texts(last(first))] == expected[::-1]
    assert set(steps) == {1}


def test_a_short_clip_joins_a_long_call_but_not_the_other_way_around():
    """A long row would make many short ones long. The texts of random weights don't end by themselves."""
    recognizer = random_tiny(0)
    short, long = [NOISE] * 8, [np.tile(NOISE, 60)] * 8
    for running, joining, takes in ((long, short[:1], True), (short, long[:1], False)):
        first, second = (stream_decode(recognizer, sounds, None, never, 40) for sounds in (running, joining))
        next(first)
        next(second)
        assert len(recognizer.running) == (1 if takes else 2)
        first.close()
        second.close()


def test_a_clip_waits_for_one_turn_of_a_long_call_that_has_a_batch_of_its_own(monkeypatch):
    """The call goes on only when the clip waits for its turn again."""
    recognizer = random_tiny(0)
    recognizer.lock = FairLock()
    monkeypatch.setattr(shared_batches, "MAX_SHARED_ROWS", 0)
    rows, step, done = [], recognizer.step, threading.Event()

    def watch(ids, *others):
        if len(ids) > 1:
            until(lambda: recognizer.lock._waiting or done.is_set())
        if not done.is_set():
            rows.append(len(ids))
        return step(ids, *others)

    monkeypatch.setattr(recognizer, "step", watch)
    with ThreadPoolExecutor(2) as pool:
        with recognizer.lock:
            call = pool.submit(decode, recognizer, [NOISE] * 2, None, never, 100)
            until(lambda: len(recognizer.lock._waiting) == 1)
            clip = pool.submit(decode, recognizer, [NOISE], None, never, 48)
            clip.add_done_callback(lambda _: done.set())
            until(lambda: len(recognizer.lock._waiting) == 2)
        assert len(call.result()[0].ids) == 100
    turns = [(count, len(list(steps))) for count, steps in groupby(rows)]
    assert [count for count, _ in turns] == [2, 1] * 3
    assert max(steps for _, steps in turns) == STREAM_EVERY_TOKENS


def test_the_error_of_a_text_that_others_have_decoded_is_raised(recognizer):
    """Its job may look when all of its tokens are there."""
    waveform, prompt = np.full(32000, np.nan, np.float32), build_prompt(recognizer.qwen, "English", "")
    row = Row(1, never)
    batch = SharedBatch(recognizer, Batch(recognizer, [waveform], prompt), [row])
    batch.follow([row], 0)
    assert row.ended_by
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        list(generate._follow(recognizer, batch, [waveform], [row], prompt))


def test_what_has_been_read_of_a_text_does_not_change_while_it_grows(recognizer):
    """The thread that decodes adds tokens while another one reads."""
    row = Row(2, never)
    row.add(7, -0.5, recognizer)
    read = row.so_far()
    row.add(8, -0.25, recognizer)
    assert (read.ids, read.log_probabilities, read.ended_by) == ([7], [-0.5], "")
    assert row.so_far() is row and row.ended_by == "budget"
