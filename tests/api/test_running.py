"""The queue of jobs, and their end when the client leaves, also if nothing was sent to it yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kikitori.api.endpoints import Transcriptions
from kikitori.api.queue import Queue
from kikitori.api.running import running, while_connected
from kikitori.errors import AudioError, RequestError
from kikitori.tasks import choose_checkpoints
from kikitori.update import Update
from tests.support.coroutines import finish
from tests.support.server import PATIENCE_SECONDS


def test_a_full_queue_refuses_a_request_before_its_body_is_read():
    async def receive() -> dict:
        raise AssertionError("the body was read")

    async def send(_: dict) -> None:
        raise AssertionError("something was sent")

    endpoint = Transcriptions(choose_checkpoints(["tiny"]), Queue(at_once=0, waiting=0))
    with pytest.raises(RequestError, match="try again in 10 s"):
        finish(endpoint({"type": "http", "headers": []}, receive, send))


def test_one_job_runs_one_waits_and_the_next_is_refused():
    async def jobs() -> list[str]:
        queue, events = Queue(at_once=1, waiting=1), []

        async def job() -> None:
            async with queue.turn():
                events.append("began")
                await asyncio.sleep(0)  # lets the others try
                events.append("ended")

        done = await asyncio.gather(*(job() for _ in range(3)), return_exceptions=True)
        return [*events, *(one.code for one in done if one)]

    assert finish(jobs()) == ["began", "ended", "began", "ended", "queue_full"]


def test_a_job_stops_when_the_client_of_a_whole_answer_disconnects():
    ended = threading.Event()

    def steps() -> Iterator[Update]:
        try:
            while True:
                yield Update()
        finally:
            ended.set()

    async def request() -> bool:
        has_left = asyncio.Event()

        async def receive() -> dict:
            await has_left.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            async with running(steps()) as results:
                async for _ in results:
                    has_left.set()

        await while_connected(receive, work())
        return await asyncio.to_thread(ended.wait, PATIENCE_SECONDS)

    assert finish(request())


def test_an_error_of_the_job_reaches_whoever_waits_for_it():
    def steps() -> Iterator[Update]:
        yield Update()
        raise AudioError("no_recording")

    async def request() -> None:
        async def receive() -> dict:
            await asyncio.Event().wait()

        async def work() -> None:
            async with running(steps()) as results:
                async for _ in results:
                    pass

        await while_connected(receive, work())

    with pytest.raises(AudioError):
        finish(request())
