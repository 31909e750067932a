"""ASGI middleware: by whose word the server knows where a request comes from, and what its own address is."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from kikitori.server.refusals import VISITS, refusal

SPACE_PROXIES = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.0/8"
"""Private networks: a Space is reached through Hugging Face's proxies only."""
SET_BY_PROXIES = (b"x-forwarded-", b"forwarded", b"x-gradio-server")
"""Starts of headers that Gradio and uvicorn believe."""
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")


class ProxyHeaders(ProxyHeadersMiddleware):
    """Takes the visitor's address and the page's address from the headers of the given proxies, and of nobody else.

    proxies: addresses and networks, separated by commas; `*` for everybody, empty for nobody.
    """

    def __init__(self, app: ASGIApp, proxies: str):
        super().__init__(app, proxies or [])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, without these headers unless they come from a proxy."""
        if scope["type"] in VISITS and (scope["client"] or [None])[0] not in self.trusted_hosts:
            kept = [(name, value) for name, value in scope["headers"] if not name.startswith(SET_BY_PROXIES)]
            scope = scope | {"headers": kept}
        await super().__call__(scope, receive, send)


class OwnAddress:
    """Keeps the name by which one visitor calls the server away from all others.

    A redirect names no server, no cache keeps a page, and Gradio does not reuse the addresses in its descriptions.
    blocks: the `gradio.Blocks`, if there is a page. is_local: the server listens for this machine only, so that no
    other name than LOCAL_NAMES can be right.
    """

    def __init__(self, app: ASGIApp, blocks: Any | None, is_local: bool):
        self.app = app
        self._blocks = blocks
        self._is_local = is_local
        self._last_host = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400 if its `Host` can't be right."""
        if scope["type"] not in VISITS:
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if self._is_local and _name(host) not in LOCAL_NAMES:
            detail = "This server is for its own machine only: open it at 127.0.0.1, or start it with --host or --proxy"
            await refusal(scope, HTTPException(400, detail))(scope, receive, send)
            return
        if self._blocks and host != self._last_host:
            self._last_host, self._blocks.app.api_info = host, None

        async def send_neutral(message: Message) -> None:
            if message["type"] == "http.response.start":
                _make_neutral(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, send_neutral)


def _name(host: str) -> str | None:
    """The name in a `Host`, without the port; None if it can't be read."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _make_neutral(headers: MutableHeaders) -> None:
    """Take the server's name out of a redirect, and keep what may contain it out of caches."""
    if location := headers.get("location"):
        place = urlsplit(location)
        headers["location"] = place._replace(scheme="", netloc="").geturl() or "/"
    if headers.get("content-type", "").startswith(("text/html", "application/json")):
        headers["cache-control"] = "no-store"
