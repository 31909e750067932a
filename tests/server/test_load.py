"""Concurrent visitors: a small run of benchmarks.load, and one job at a time per model."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from benchmarks.load import FLOOD, load
from kikitori import load_model
from kikitori.audio.files import load_audio
from kikitori.engines.engine import Prompt
from kikitori.model import generate
from kikitori.page.app import MAX_WAITING
from kikitori.page.tabs import MAX_AT_ONCE
from kikitori.result import last
from tests.support.recordings import one_recording

CLIENTS = 12


def test_every_visitor_gets_the_answer_to_the_own_request():
    report = load(clients=CLIENTS, rounds=1, alone=2)
    assert report.complaints == [] and report.outcomes["wrong"] == 0
    assert (report.outcomes["cancelled"], report.outcomes["vanished"]) == (1, 1)
    assert report.outcomes["right"] == CLIENTS - 2 + report.accepted_in_flood
    assert max(report.ranks) > 0
    assert report.accepted_in_flood >= MAX_WAITING
    assert report.accepted_in_flood + report.refused_in_flood == FLOOD > MAX_WAITING + MAX_AT_ONCE
    assert report.refused_in_flood > 0


def test_two_jobs_never_generate_on_one_model_at_once(monkeypatch):
    """Eight start at the same moment; none may enter while another is inside."""
    recording = one_recording("pt")
    model, sound = load_model("pt", checkpoint="tiny"), load_audio(recording.path)
    inside, company, start = threading.Semaphore(1), [], threading.Barrier(8)
    decode_batch = generate._decode_batch

    def alone(*arguments):
        company.append(not inside.acquire(blocking=False))
        yield from decode_batch(*arguments)
        inside.release()

    def job(_) -> str:
        start.wait()
        return last(model.engine.stream([sound], Prompt("Portuguese")))[0].text

    monkeypatch.setattr(generate, "_decode_batch", alone)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(job, range(8)))
    assert texts == [recording.reference] * 8
    assert company == [False] * 8
