"""/v1/realtime: a WebSocket that takes sound and sends text while somebody speaks."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from kikitori.api.errors import answer_error
from kikitori.api.live_conversation import Conversation, chosen_task
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.models import served_models
from kikitori.api.realtime_events import Settings
from kikitori.errors import RequestError, SpeechError
from kikitori.server.keys import PROTOCOL
from kikitori.tasks import Checkpoint


class Realtime:
    """The endpoint.

    origins: of web pages that may call it, besides this server's own.
    """

    def __init__(self, checkpoints: Mapping[str, Checkpoint], origins: Collection[str], visitors: LiveVisitors):
        self._checkpoints = checkpoints
        self._models = served_models(checkpoints)
        self._origins = origins
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a visitor as a request is refused, or serve until one side ends it."""
        socket = WebSocket(scope, receive, send)
        try:
            self._check(socket)
            chosen = _chosen_by_address(socket.query_params)
            settings = Settings().updated({"audio": {"input": {"transcription": chosen}}})
            chosen_task(settings, self._models)
            with self._visitors.place():
                await socket.accept(PROTOCOL if PROTOCOL in scope["subprotocols"] else None)
                await Conversation(socket, self._checkpoints, self._models, self._visitors, settings).hold()
        except SpeechError as error:
            refused = await answer_error(Request(scope | {"type": "http"}), error)
            await refused(scope, receive, send)

    def _check(self, socket: WebSocket) -> None:
        """Raise RequestError if the server has no live text, or not for this web page."""
        check_live(self._checkpoints)
        origin = socket.headers.get("origin")
        own = {socket.headers.get("host"), socket.headers.get("x-forwarded-host")}  # proxies may send the second
        if origin and origin not in self._origins and _netloc(origin) not in own:
            raise RequestError("origin_refused", origin=origin[:200])


def _netloc(origin: str) -> str:
    """Host and port of a web page's origin; "" if it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def check_live(checkpoints: Mapping[str, Checkpoint]) -> None:
    """Raise RequestError if this server has no live text. checkpoints: by role."""
    if os.environ.get("SPACES_ZERO_GPU"):
        raise RequestError("live_borrowed")
    if any(checkpoint.urls for checkpoint in checkpoints.values()):
        raise RequestError("live_remote")


def _chosen_by_address(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in ("model", "language") if name in query}
