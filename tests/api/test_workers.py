"""`kikitori serve --workers 2`: two further processes transcribe the recordings."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import soundfile

from benchmarks.served import served
from kikitori.api.endpoints import Transcriptions
from kikitori.api.queue import Queue
from kikitori.server.jobs import JobOptions
from kikitori.server.workers import Workers
from kikitori.tasks import choose_checkpoints
from tests.support.coroutines import finish
from tests.support.forms import asgi_form
from tests.support.recordings import Recording, one_recording
from tests.support.server import PATIENCE_SECONDS, jobs_in, until

pytestmark = pytest.mark.slow

PROGRAM = ("-m", "kikitori", "serve")
GOOD = one_recording("pt")


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("workers") / "log"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory) -> Path:
    """The server's folder for temporary files, with a path that is too long for a socket's name."""
    folder = tmp_path_factory.mktemp("temporary") / ("long" * 30)
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def server(log, temporary) -> Iterator[tuple[subprocess.Popen, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        with served("--no_language_check", "--workers", "2", log=log, program=PROGRAM) as started:
            yield started


def ask(address: str, recording: Recording, **fields: str) -> httpx.Response:
    files = {"file": (recording.path.name, recording.path.read_bytes())}
    form = {"model": recording.direction} | fields
    return httpx.post(f"{address}/v1/audio/transcriptions", data=form, files=files, timeout=PATIENCE_SECONDS)


@contextmanager
def streamed(address: str, path: Path) -> Iterator[Iterator[str]]:
    """Ask for a stream; yield its lines."""
    url, form = f"{address}/v1/audio/transcriptions", {"model": "pt", "stream": "true"}
    with (
        path.open("rb") as file,
        httpx.stream("POST", url, data=form, files={"file": file}, timeout=PATIENCE_SECONDS) as answer,
    ):
        yield answer.iter_lines()


def long_recording(folder: Path) -> Path:
    """A file with a recording 20 times, with a pause after each."""
    sound, rate = soundfile.read(GOOD.path)
    soundfile.write(folder / "long.flac", np.tile(np.append(sound, np.zeros(rate)), 20), rate)
    return folder / "long.flac"


def workers_of(server: tuple[subprocess.Popen, str]) -> list[psutil.Process]:
    children = psutil.Process(server[0].pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_worker_that_still_starts_outlives_a_signal_to_all_processes():
    with Workers(1) as workers:
        (process,) = (worker.process.pid for worker in workers._workers)
        os.kill(process, signal.SIGTERM)
        os.kill(process, signal.SIGINT)
        made = workers.transcribe(JobOptions("pt", choose_checkpoints(["tiny"])), str(GOOD.path), "a")
        assert list(made) and made.transcript.text == GOOD.reference
        assert made.process == process


def test_a_job_goes_to_the_worker_with_the_fewest_jobs():
    options = JobOptions("pt", choose_checkpoints(["tiny"]))
    with Workers(2) as workers:
        first, second = (workers.transcribe(options, str(GOOD.path), "a") for _ in range(2))
        assert first.process != second.process
        assert list(second) and second.transcript.text == GOOD.reference
        second.close()
        assert workers.transcribe(options, str(GOOD.path), "a").process == second.process
        assert list(first) and first.transcript.text == GOOD.reference


def test_a_job_whose_worker_is_killed_is_an_error():
    with Workers(1) as workers:
        made = workers.transcribe(JobOptions("pt", choose_checkpoints(["tiny"])), str(GOOD.path), "a")
        psutil.Process(made.process).kill()
        with pytest.raises((EOFError, OSError)):
            list(made)


def test_who_waits_for_a_worker_gets_an_error_when_the_server_ends():
    options = JobOptions("pt", choose_checkpoints(["tiny"]))
    with ThreadPoolExecutor(1) as pool:
        with Workers(1) as workers:
            (worker,) = workers._workers
            psutil.Process(worker.process.pid).suspend()
            waiting = pool.submit(workers.transcribe, options, str(GOOD.path), "a")
            until(lambda: worker.jobs() > 1)  # one that is about to be handed over, and its connection
        with pytest.raises(EOFError, match="the server ends"):
            waiting.result(PATIENCE_SECONDS)
    assert [worker.process.is_alive() for worker in workers._workers] == [False]


def test_a_client_that_leaves_before_its_worker_begins_is_no_refusal(caplog):
    scope, body = asgi_form(GOOD.path.read_bytes())
    messages = [{"type": "http.request", "body": body}]

    async def send(message: dict) -> None:
        raise AssertionError(message)

    async def ask_and_leave(workers: Workers) -> None:
        (worker,) = workers._workers
        process = psutil.Process(worker.process.pid)
        process.suspend()
        has_left = asyncio.Event()

        async def receive() -> dict:
            if not messages:
                await has_left.wait()
                return {"type": "http.disconnect"}
            return messages.pop()

        endpoint = Transcriptions(choose_checkpoints(["tiny"]), Queue(), workers.transcribe)
        request = asyncio.ensure_future(endpoint(scope, receive, send))
        await asyncio.to_thread(until, lambda: worker.jobs() > 1)  # it is being handed over
        has_left.set()
        for _ in range(100):  # what the request does now, it does before its worker begins
            await asyncio.sleep(0)
        process.resume()
        await request

    with Workers(1) as workers, caplog.at_level(logging.INFO, "page"):
        finish(ask_and_leave(workers))
    assert [record.fields["ended"] for record in caplog.records] == ["stopped"]


def test_if_not_all_workers_can_be_started_none_stays(monkeypatch):
    started = []

    def start(process):
        if started:
            raise OSError("too many processes")
        started.append(process)
        process.start()

    monkeypatch.setattr("kikitori.server.workers.start", start)
    with pytest.raises(OSError, match="too many processes"):
        Workers(2)
    assert [process.is_alive() for process in started] == [False]


def test_each_client_gets_the_words_of_its_own_recording(server):
    recordings = [one_recording(direction) for direction in ("pt", "en2ja", "ja2en", "pt")]
    with ThreadPoolExecutor(len(recordings)) as pool:
        answers = list(pool.map(lambda recording: ask(server[1], recording), recordings))
    assert [answer.json()["text"] for answer in answers] == [recording.reference for recording in recordings]


def test_tokens_are_named_without_loading_the_model(server):
    answer = ask(server[1], GOOD, **{"include[]": "logprobs"}).json()
    assert b"".join(bytes(token["bytes"]) for token in answer["logprobs"]).decode().strip() == GOOD.reference


def test_a_refused_recording_is_the_same_sentence_as_without_workers(server, tmp_path):
    soundfile.write(tmp_path / "quiet.flac", np.zeros(32_000), 16_000)
    answer = ask(server[1], Recording(tmp_path / "quiet.flac", "pt", ""))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("quiet.flac is silent")


def test_a_job_stops_when_its_client_disconnects(server, log, tmp_path):
    before = len(jobs_in(log))
    with streamed(server[1], long_recording(tmp_path)) as lines:
        assert "delta" in next(lines)
    until(lambda: len(jobs_in(log)) > before)
    assert jobs_in(log)[-1]["ended"] == "stopped"
    until(lambda: sum(worker.cpu_percent(0.2) for worker in workers_of(server)) < 20)


def test_workers_that_are_killed_are_started_again(server, log):
    for worker in workers_of(server):
        worker.kill()
    answers = [ask(server[1], GOOD) for _ in range(2)]
    assert [answer.json().get("text") for answer in answers] == [GOOD.reference] * 2
    assert log.read_text().count('"worker lost"') == 2


def test_a_stop_finishes_what_runs_and_leaves_nothing(server, temporary, tmp_path):
    """Stops the server of this file, so it has to be the last test that uses it."""
    workers = workers_of(server)
    with streamed(server[1], long_recording(tmp_path)) as lines:
        assert "delta" in next(lines)
        server[0].send_signal(signal.SIGTERM)
        assert "transcript.text.done" in [line for line in lines if line][-1]
    assert server[0].wait(timeout=PATIENCE_SECONDS) == 0
    assert not any(worker.is_running() for worker in workers)
    assert not list(temporary.iterdir())
