"""The handler of /health."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from kikitori.server.shutdown import JOBS

BROKEN: set[str] = set()
"""Directions whose last job could not load a checkpoint."""


def health(demo: Any):
    """Return the handler of /health for a `gradio.Blocks`: 200 while it accepts recordings and can transcribe them."""

    async def answer(_: Request) -> JSONResponse:
        if JOBS.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if not demo.app.startup_events_triggered or demo._queue.stopped:
            return JSONResponse({"status": "not ready"}, 503)
        if BROKEN:
            return JSONResponse({"status": "checkpoint"}, 503)
        return JSONResponse({"status": "ok"})

    return answer
