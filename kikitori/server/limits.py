"""ASGI middleware: request size limits, and a blocklist of Gradio routes that the page does not use."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD = "/gradio_api/upload"
MAX_UPLOAD_BYTES = 1_000_000_000
"""Of all files in one upload request."""
MAX_BODY_BYTES = 300_000_000
"""Of any other request: room for the largest upload as a `data:` address."""
CLOSED = (
    "/gradio_api/process_recording",  # stores videos
    "/gradio_api/deep_link",  # writes what a visitor sees to a file
    "/gradio_api/file=http",  # redirects to any address
    "/gradio_api/file/http",
    "/gradio_api/dev/",  # keeps a connection open for ever
    "/monitoring",
)
"""Starts of the paths that are answered with 404."""


class Gate:
    """Answers 404 for paths in CLOSED, and 413 for requests that are too large."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"].lower().startswith(CLOSED):
            await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)
            return
        limit = MAX_UPLOAD_BYTES if scope["path"].startswith(UPLOAD) else MAX_BODY_BYTES
        too_large = f"The request is larger than {limit // 1_000_000} MB: send fewer files at a time, or shorter ones"
        if int(Request(scope).headers.get("content-length", 0)) > limit:
            await JSONResponse({"detail": too_large}, 413)(scope, receive, send)
            return
        taken = 0

        async def receive_counted() -> Message:
            """Count the bytes: a request need not state its length."""
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, too_large)
            return message

        await self.app(scope, receive_counted, send)
