"""ASGI middleware: limits on a request's size, and a blocklist of Gradio routes that the page does not use."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kikitori.server.json_size import JsonSize

UPLOAD = "/gradio_api/upload"
MAX_UPLOAD_BYTES = 1_000_000_000
"""Of all files in one upload request."""
MAX_RECORDING_BYTES = 64_000_000
"""Of an MCP request, whose recording is a `data:` address: it is held in memory several times."""
MAX_TRANSCRIPT_BYTES = 32_000_000
"""Of a request that contains a transcript: that of four hours has 10 MB if every word has its time."""
MAX_OTHER_BYTES = 1_000_000
BYTES_BY_ROUTE = {
    UPLOAD: MAX_UPLOAD_BYTES,
    "/gradio_api/mcp": MAX_RECORDING_BYTES,
    "/gradio_api/queue/join": MAX_TRANSCRIPT_BYTES,
    "/gradio_api/component_server": MAX_TRANSCRIPT_BYTES,
}
"""Start of a path -> its limit. All other paths have MAX_OTHER_BYTES."""
MAX_ELEMENTS = 500_000
"""Of JSON: a transcript of four hours with the times of its words has about 300,000."""
MAX_DEPTH = 50
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
    """Answers 404 for paths in CLOSED, 413 for requests that are too large, and 400 for JSON that is not UTF-8.

    JSON is counted while it arrives, so that one that is too large is refused before it is parsed.
    """

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
        body = BodySize(scope["path"])
        try:
            body.check_bytes(int(Request(scope).headers.get("content-length", 0)))
        except HTTPException as error:
            await JSONResponse({"detail": error.detail}, error.status_code)(scope, receive, send)
            return

        async def receive_counted() -> Message:
            """Count what arrives: a request need not state its length."""
            message = await receive()
            body.add(message.get("body", b""))
            return message

        await self.app(scope, receive_counted, send)


class BodySize:
    """Counts the body of one request. Its methods raise HTTPException at the limits of the path."""

    def __init__(self, path: str):
        limits = (limit for start, limit in BYTES_BY_ROUTE.items() if path.startswith(start))
        self._limit = next(limits, MAX_OTHER_BYTES)
        self._bytes = 0
        self._json = None if path.startswith(UPLOAD) else JsonSize()

    def check_bytes(self, count: int) -> None:
        """Refuse so many bytes if they are too many."""
        if count > self._limit:
            limit = f"{self._limit // 1_000_000} MB"
            raise HTTPException(413, f"The request is larger than {limit}: upload files, and send fewer at a time")

    def add(self, chunk: bytes) -> None:
        """Count the next bytes."""
        self._bytes += len(chunk)
        self.check_bytes(self._bytes)
        if self._json is not None:
            self._json.add(chunk)
            self._check_json(self._json)

    @staticmethod
    def _check_json(size: JsonSize) -> None:
        if not size.is_utf8:
            raise HTTPException(400, "The request is not JSON in UTF-8: encode it as UTF-8")
        if size.elements > MAX_ELEMENTS:
            raise HTTPException(413, f"The request has more than {MAX_ELEMENTS:,} elements: send a shorter transcript")
        if size.depth > MAX_DEPTH:
            raise HTTPException(413, f"The request is nested more than {MAX_DEPTH} levels deep: send a flatter one")
