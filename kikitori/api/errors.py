"""Errors as OpenAI's API answers them: status, message, type, field and code."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from kikitori.errors import AudioError, CheckpointError, RequestError, ServerError, SpeechError, StoppingError
from kikitori.server.refusals import error_record, refusal

ENDPOINTS = ("POST /v1/audio/transcriptions", "POST /v1/audio/translations", "GET /v1/models", "GET /v1/openapi.json")
RETRY_SECONDS = 10
"""Told to a client that comes while the queue is full or the server is being stopped."""
STATUSES = {
    "unknown_endpoint": 404,
    "unknown_model": 404,
    "key_wrong": 401,
    "origin_refused": 403,
    "queue_full": 429,
    "live_full": 429,
    "gpu_quota": 429,
    "out_of_memory": 503,
    "server_storage": 503,
}
"""Code -> status. All other errors about a request are 400."""
CODES = {"unknown_model": "model_not_found", "key_wrong": "invalid_api_key", "queue_full": "rate_limit_exceeded"}
"""Our codes for which OpenAI has its own."""
FIELDS = {
    "unknown_model": "model",
    "several_directions": "model",
    "not_english": "model",
    "unknown_language": "language",
    "fixed_language": "language",
    "context_too_long": "prompt",
    "context_token": "prompt",
    "not_utf8": "prompt",
    "language_not_alignable": "timestamp_granularities[]",
    "not_alignable": "timestamp_granularities[]",
}
"""Code -> the field of the form that is at fault."""


def status_of(error: SpeechError) -> int:
    """The HTTP status of an error."""
    if isinstance(error, StoppingError):
        return 503
    is_ours = isinstance(error, (ServerError, CheckpointError))
    return STATUSES.get(error.code, 500 if is_ours else 400)


def record_of(error: SpeechError) -> dict:
    """An error as OpenAI's clients read it."""
    return error_record(status_of(error), str(error), CODES.get(error.code, error.code), _field_of(error))


def _field_of(error: SpeechError) -> str | None:
    if isinstance(error, RequestError) and error.code.startswith("field_"):
        return error.values["name"].partition("=")[0]
    return "file" if isinstance(error, AudioError) else FIELDS.get(error.code)


async def answer_error(_: Request, error: SpeechError) -> JSONResponse:
    """Answer a request that ended in an error."""
    status = status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: _retry(), 503: _retry()}.get(status)
    return JSONResponse({"error": record_of(error)}, status, headers)


async def answer_http_error(request: Request, error: HTTPException) -> JSONResponse:
    """Answer a request that Starlette or the Gate refuses."""
    return refusal(request.scope, error, ENDPOINTS)


async def answer_fault(_: Request, error: Exception) -> JSONResponse:
    """Answer a request that has met a fault of the program; the log names its place."""
    return JSONResponse({"error": record_of(ServerError("server_fault"))}, 500)


def _retry() -> dict[str, str]:
    return {"Retry-After": str(RETRY_SECONDS)}
