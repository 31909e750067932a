"""A job ends when its client leaves, also if nothing was sent to it yet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from kikitori.api.running import running, while_connected
from kikitori.errors import AudioError
from kikitori.update import Update
from tests.support.coroutines import finish
from tests.support.server import PATIENCE_SECONDS


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
            with running(steps()) as results:
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
            with running(steps()) as results:
                async for _ in results:
                    pass

        await while_connected(receive, work())

    with pytest.raises(AudioError):
        finish(request())
