"""ASGI middleware: limits on each request and each address, and Gradio's routes that the page does not use."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack, nullcontext

from limits import RateLimitItem
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kikitori.server.body_size import BodySize
from kikitori.server.memory import trim_heaps
from kikitori.server.refusals import VISITS, refusal
from kikitori.server.visitors import BYTES, ELEMENTS, REQUESTS, Visitors, address_of

CLOSED = (
    "/gradio_api/process_recording",  # stores videos
    "/gradio_api/deep_link",  # writes what a visitor sees to a file
    "/gradio_api/file=http",  # redirects to any address
    "/gradio_api/file/http",
    "/gradio_api/dev/",  # keeps a connection open for ever
    "/gradio_api/call/v2/",  # needs a table that `OwnAddress` takes away
    "/gradio_api/stream/",  # this and the next: of components that the page does not have
    "/gradio_api/custom_component/",
    "/gradio_api/proxy=",
    "/gradio_api/vibe-",
    "/gradio_api/undo-vibe-edit",
    "/monitoring",
)
"""Starts of the paths that are answered with 404."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""No path has one: routers stop at a line break, and Gradio fails."""
ELEMENTS_KEY = "kikitori.elements"
"""Where a request's scope says how many elements its JSON has."""
ACCOUNT = "kikitori.account"
"""Where a request's scope says who is charged for it, if that is not its address."""
UNCOUNTED = ("/assets/", "/static/", "/svelte/", "/health")
"""Starts of the paths that no address is charged for: small files, of which a page loads many."""


class Gate:
    """Answers 404 for paths in CLOSED or with control characters, and refuses what is too large, no JSON, or too much.

    The statuses are 413, 400 and 429.

    visitors: counts by address; None if everybody is trusted.
    """

    def __init__(self, app: ASGIApp, visitors: Visitors | None):
        self.app = app
        self._visitors = visitors
        self._heavy = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        if scope["type"] not in VISITS:
            await self.app(scope, receive, send)
            return
        try:
            if scope["path"].lower().startswith(CLOSED) or _CONTROL.search(scope["path"]):
                raise HTTPException(404)
            account = Account(None if scope["path"].startswith(UNCOUNTED) else self._visitors, scope)
            with account.open():
                await account.charge(REQUESTS, 1)
                pass_on = self._pass_on if scope["type"] == "http" else self._pass_on_socket
                await pass_on(account, scope, receive, send)
        except HTTPException as error:  # the app answers its own
            await refusal(scope, error)(scope, receive, send)

    async def _pass_on(self, account: Account, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, count its body while it arrives, and let one heavy body at a time be parsed."""
        body = BodySize(scope["path"])
        body.check_bytes(int(Headers(scope=scope).get("content-length", 0)))
        async with AsyncExitStack() as turn:

            async def receive_counted() -> Message:
                message = await receive()
                chunk = message.get("body", b"")
                added = body.add(chunk)
                scope[ELEMENTS_KEY] = scope.get(ELEMENTS_KEY, 0) + added
                await account.charge(ELEMENTS, added)
                await account.charge(BYTES, len(chunk))
                if body.is_heavy and message["type"] == "http.request" and not message.get("more_body"):
                    await turn.enter_async_context(self._heavy)
                return message

            async def send_and_release(message: Message) -> None:
                await turn.aclose()
                await send(message)

            await self.app(scope, receive_counted, send_and_release)
        if body.is_large:
            await asyncio.to_thread(trim_heaps)

    async def _pass_on_socket(self, account: Account, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a WebSocket on, and count what comes through it. At the limit its endpoint gets the HTTPException."""

        async def receive_counted() -> Message:
            message = await receive()
            await account.charge(BYTES, len(message.get("bytes") or message.get("text") or b""))
            return message

        await self.app(scope, receive_counted, send)


class Account:
    """What a request is charged to: its API key or its address. visitors: None to charge nothing."""

    def __init__(self, visitors: Visitors | None, scope: Scope):
        self._visitors = visitors
        self._address = scope.get(ACCOUNT) or address_of(scope["client"])

    def open(self):
        """Count the request as open while the block runs."""
        return self._visitors.open(self._address) if self._visitors else nullcontext()

    async def charge(self, item: RateLimitItem, cost: int) -> None:
        """Count a cost. Raises HTTPException (429) at the limit."""
        if self._visitors:
            await self._visitors.charge(self._address, item, cost)
