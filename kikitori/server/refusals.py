"""How a request is refused: as OpenAI's API does below /v1/, as Gradio does elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Scope

from kikitori.errors import RequestError
from kikitori.server.body_size import API
from kikitori.strings import displayed

VISITS = ("http", "websocket")
"""Types of scopes that are requests of a visitor."""
KINDS = {401: "authentication_error", 429: "rate_limit_error"}
DESCRIBED = ("GET /health", "GET /v1/openapi.json")
"""What every server answers; the second describes the rest."""
SHOWN_PATH = 200
"""Characters of a path in a sentence."""


def unknown_endpoint(scope: Scope, choices: Iterable[str] = DESCRIBED) -> RequestError:
    """The error about a request for something that is not there. choices: what is."""
    name = displayed(f"{scope.get('method', 'WebSocket')} {scope['path']}"[:SHOWN_PATH])
    return RequestError("unknown_endpoint", name=name, choices=", ".join(choices))


def refusal(scope: Scope, error: HTTPException, choices: Iterable[str] = DESCRIBED) -> JSONResponse:
    """The answer to a request that is refused. choices: endpoints that exist, told if this one doesn't."""
    detail, code = error.detail, None
    if detail == HTTPStatus(error.status_code).phrase and error.status_code in (404, 405):
        unknown = unknown_endpoint(scope, choices)
        detail, code = str(unknown), unknown.code
    if scope["path"].startswith(API):
        return openai_error(error.status_code, detail, code, headers=error.headers)
    return JSONResponse({"detail": detail}, error.status_code, error.headers)


def openai_error(
    status: int, message: str, code: str | None = None, field: str | None = None, headers: Mapping | None = None
) -> JSONResponse:
    """An error as OpenAI's clients read it. code: for programs. field: of the form, if one is at fault."""
    return JSONResponse({"error": error_record(status, message, code, field)}, status, headers)


def error_record(status: int, message: str, code: str | None = None, field: str | None = None) -> dict:
    """The value of `error` in such an answer."""
    kind = "server_error" if status >= 500 else KINDS.get(status, "invalid_request_error")
    return {"message": message, "type": kind, "param": field, "code": code}
