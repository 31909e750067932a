"""What the page's server answers to requests that Gradio can't carry out: one sentence, with the status that fits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi.exceptions import RequestValidationError
from gradio.route_utils import FnIndexInferError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from kikitori.server.logging import LOG
from kikitori.server.refusals import DESCRIBED, refusal, unknown_endpoint

BROKEN = "The server could not carry out this request: check its arguments, or reload the page, and try again"
UNKNOWN_ID = "There is no function, component or event with the id of this request: take it from /config"
CALL = "/gradio_api/call/"
SHOWN = ("GET /", "GET /gradio_api/info", *DESCRIBED)
"""What the page's server answers; the others are described by these."""


def exception_handlers(blocks: Any) -> dict[type[Exception], Callable[[Request, Any], Awaitable[JSONResponse]]]:
    """Return the handlers of what the routes of a `gradio.Blocks` raise."""

    async def refuse_endpoint(request: Request, _: FnIndexInferError) -> JSONResponse:
        """Answer a request for an endpoint that no tab has."""
        names = [fn.api_name for fn in blocks.fns.values() if fn.api_visibility == "public"]
        error = unknown_endpoint(request.scope, [f"POST {CALL}{name}" for name in names])
        return JSONResponse({"detail": str(error)}, 404)

    return {
        HTTPException: refuse,
        RequestValidationError: refuse_invalid,
        FnIndexInferError: refuse_endpoint,
        KeyError: refuse_id,
        Exception: answer_fault,
    }


async def refuse(request: Request, error: HTTPException) -> JSONResponse:
    """Answer what Gradio or FastAPI refuses."""
    return refusal(request.scope, error, SHOWN)


async def refuse_invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer 422 with the first fault of a request. FastAPI would repeat the value, and fail if it is infinite."""
    found = error.errors()[0]
    place = ".".join(map(str, found["loc"]))
    return JSONResponse({"detail": f"This request can't be used: {place}: {found['msg']}"}, 422)


async def refuse_id(_: Request, error: KeyError) -> JSONResponse:
    """Answer a request with an id that does not exist: Gradio's routes look it up in a dict."""
    LOG.warning("unknown id", exc_info=error)
    return JSONResponse({"detail": UNKNOWN_ID}, 404)


async def answer_fault(_: Request, error: Exception) -> JSONResponse:
    """Answer a request that has met a fault of the program; the log names its place."""
    return JSONResponse({"detail": BROKEN}, 500)
