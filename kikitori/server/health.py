"""The handler of /health."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from kikitori.server.shutdown import JOBS


def health(demo: Any):
    """Return the handler of /health for a `gradio.Blocks`: 200 while it accepts recordings, 503 before and after."""

    async def answer(_: Request) -> JSONResponse:
        if JOBS.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if not demo.app.startup_events_triggered or demo._queue.stopped:
            return JSONResponse({"status": "not ready"}, 503)
        return JSONResponse({"status": "ok"})

    return answer
