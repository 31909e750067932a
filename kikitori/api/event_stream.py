"""The answer of `stream=true`, which is never silent for long: a proxy would take it for dead and cut it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from starlette.types import Send

KEEP_ALIVE_SECONDS = 15
"""As the HTML Standard advises (section 9.2.7). Proxies wait longer: nginx for 60 s."""
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment, which clients skip."""

Pause = Callable[[], Awaitable[None]]
"""Waits until a comment is due."""


async def pause() -> None:
    """Wait for KEEP_ALIVE_SECONDS."""
    await asyncio.sleep(KEEP_ALIVE_SECONDS)


class EventStream:
    """An answer that begins with the first bytes that are sent.

    send: of ASGI. headers: besides those of an event stream.
    """

    def __init__(self, send: Send, headers: Mapping[str, str]):
        self._send = send
        self._headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store", **headers}
        self._turns = asyncio.Lock()
        self.has_begun = False
        """Whether an error can no longer have a status of its own."""

    async def send(self, body: bytes, is_last: bool = False) -> None:
        """Send bytes, after the start of the answer."""
        async with self._turns:
            if not self.has_begun:
                self.has_begun = True
                headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": body, "more_body": not is_last})

    @asynccontextmanager
    async def kept_alive(self, pause: Pause) -> AsyncIterator[None]:
        """Send a comment after each pause while the block runs."""
        sending = asyncio.ensure_future(self._send_comments(pause))
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _send_comments(self, pause: Pause) -> None:
        while True:
            await pause()
            await self.send(KEEP_ALIVE)
