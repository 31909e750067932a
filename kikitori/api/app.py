"""The API as an app of its own, which is mounted at /v1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from kikitori.api.endpoints import ModelList, Transcriptions, Translations
from kikitori.api.errors import answer_error, answer_fault, answer_http_error
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.queue import Queue
from kikitori.api.realtime import Realtime
from kikitori.api.running import Transcribe
from kikitori.errors import RequestError, SpeechError
from kikitori.server.jobs import transcribe_upload
from kikitori.server.limits import ACCOUNT
from kikitori.server.refusals import VISITS
from kikitori.tasks import Checkpoint

PATH = "/v1"


def mount_api(
    checkpoints: Mapping[str, Checkpoint],
    needs_key: bool = False,
    origins: Iterable[str] = (),
    queue: Queue | None = None,
    live: LiveVisitors | None = None,
    transcribe: Transcribe = transcribe_upload,
) -> Mount:
    """Return the API's routes.

    checkpoints: by role. needs_key: refuse requests that `KnownKeys` has given no account. origins: those of web pages
    that may call the API from a browser. live: how many may have live text. transcribe: as `Transcriptions` takes it.
    """
    queue, models = queue or Queue(), ModelList(checkpoints)
    routes = [
        Route("/audio/transcriptions", Transcriptions(checkpoints, queue, transcribe), methods=["POST"]),
        Route("/audio/translations", Translations(checkpoints, queue, transcribe), methods=["POST"]),
        Route("/models", models.all),
        Route("/models/{name:path}", models.one),
        Route("/openapi.json", models.description),
        WebSocketRoute("/realtime", Realtime(checkpoints, tuple(origins), live or LiveVisitors())),
    ]
    middleware = [
        Middleware(CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=["*"]),
        Middleware(NeedsKey, needs_key),
    ]
    handlers = {SpeechError: answer_error, HTTPException: answer_http_error, Exception: answer_fault}
    return Mount(PATH, Starlette(routes=routes, middleware=middleware, exception_handlers=handlers))


class NeedsKey:
    """ASGI middleware: 401 for a request without an API key of this server."""

    def __init__(self, app: ASGIApp, needs_key: bool):
        self.app = app
        self._needs_key = needs_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it, before its body is read."""
        if self._needs_key and scope["type"] in VISITS and ACCOUNT not in scope:
            refused = await answer_error(Request(scope | {"type": "http"}), RequestError("key_wrong"))
            await refused(scope, receive, send)
            return
        await self.app(scope, receive, send)
