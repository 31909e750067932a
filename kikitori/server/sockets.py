"""WebSockets: what uvicorn is told about them, and how one is refused."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_MESSAGE_BYTES = 2_000_000
"""Of one message to /v1/realtime: half a minute of sound as base64, and more."""
REFUSED_SECONDS = 1.0
"""How long uvicorn may take to close the connection of a visitor who is refused."""
UNREADABLE = b"the handshake cannot be read: send a GET request with lines of up to 8,192 bytes and up to 128 headers\n"


class Sockets(WebSocketsSansIOProtocol):
    """uvicorn's WebSockets. It also answers a handshake that can't be read; uvicorn 0.54 lets that client wait."""

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        super().data_received(data)
        if self.conn.handshake_exc and not self.transport.is_closing():
            head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"
            self.transport.write(f"{head}Content-Length: {len(UNREADABLE)}\r\n\r\n".encode() + UNREADABLE)
            self.transport.close()


SOCKET_OPTIONS = {"ws": Sockets, "ws_max_size": MAX_MESSAGE_BYTES, "ws_ping_timeout": None}
"""Of `uvicorn.Config`. A client's answer to a ping waits behind its sound, which is not read while too much of it waits
for the model. So a late answer ends nothing; kikitori/api/live_conversation.py says what ends a client that is gone."""


class RefusedSockets:
    """ASGI middleware: after the answer to a WebSocket that is refused, waits until its connection is closed.

    If the app returns before that, uvicorn 0.54 logs an error for each visitor who is refused
    (https://github.com/Kludex/uvicorn/pull/3138).
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        is_refused = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_refused
            is_refused = is_refused or message["type"] == "websocket.http.response.body"
            await send(message)

        await self.app(scope, receive, send_and_note)
        if is_refused:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(_closed(receive), REFUSED_SECONDS)


async def _closed(receive: Receive) -> None:
    """Wait for the message that uvicorn puts into its queue with the answer, and for the one when it has closed."""
    for _ in range(2):
        while (await receive())["type"] != "websocket.disconnect":
            pass
