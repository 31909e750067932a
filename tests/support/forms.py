"""A form as an endpoint of ASGI receives it."""

from __future__ import annotations

import httpx


def asgi_form(content: bytes, **fields: str) -> tuple[dict, bytes]:
    """The scope and the body of a request with a recording, in the direction `pt`."""
    files = {"file": ("clip.flac", content)}
    request = httpx.Request("POST", "http://test/", data={"model": "pt"} | fields, files=files)
    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers}
    return scope, request.read()
