"""How a request is refused: as OpenAI's API does below /v1/, as Gradio does elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from kikitori.server.body_size import API

KINDS = {401: "authentication_error", 429: "rate_limit_error"}


def refusal(path: str, error: HTTPException) -> JSONResponse:
    """The answer to a request for this path that is refused."""
    if path.startswith(API):
        return openai_error(error.status_code, error.detail, headers=error.headers)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


def openai_error(
    status: int, message: str, code: str | None = None, field: str | None = None, headers: Mapping | None = None
) -> JSONResponse:
    """An error as OpenAI's clients read it. code: for programs. field: of the form, if one is at fault."""
    return JSONResponse({"error": error_record(status, message, code, field)}, status, headers)


def error_record(status: int, message: str, code: str | None = None, field: str | None = None) -> dict:
    """The value of `error` in such an answer."""
    kind = "server_error" if status >= 500 else KINDS.get(status, "invalid_request_error")
    return {"message": message, "type": kind, "param": field, "code": code}
