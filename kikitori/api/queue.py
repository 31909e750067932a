"""How many requests are transcribed at the same time, and how many wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kikitori.api.errors import RETRY_SECONDS
from kikitori.errors import RequestError

MAX_AT_ONCE = 16
"""Jobs that run at the same time. Their windows share batches, so a clip need not wait for a two-hour call."""
MAX_WAITING = 64


class Queue:
    """Lets some jobs run, lets some wait in the order in which they came, and refuses all others."""

    def __init__(self, at_once: int = MAX_AT_ONCE, waiting: int = MAX_WAITING):
        self._turns = asyncio.Semaphore(at_once)
        self._waiting = waiting
        self._places = at_once + waiting
        self._taken = 0

    def check(self) -> None:
        """Raise RequestError if there is no place, before an upload is read in vain."""
        if self._taken >= self._places:
            raise RequestError("queue_full", limit=self._waiting, seconds=RETRY_SECONDS)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and keep it while the block runs. Raises RequestError if there is no place."""
        self.check()
        self._taken += 1
        try:
            async with self._turns:
                yield
        finally:
            self._taken -= 1
