"""The handler of /health."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from kikitori.server.shutdown import JOBS

BROKEN: set[str] = set()
"""Directions whose last job could not load a checkpoint."""


def health(is_ready: Callable[[], bool] = lambda: True):
    """Return the handler of /health: 200 while the server is ready, accepts recordings and can transcribe them."""

    async def answer(_: Request) -> JSONResponse:
        if JOBS.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if not is_ready():
            return JSONResponse({"status": "not ready"}, 503)
        if BROKEN:
            return JSONResponse({"status": "checkpoint"}, 503)
        return JSONResponse({"status": "ok"})

    return answer
