"""The API's OpenAPI document, made from the fields that the endpoints take."""

from __future__ import annotations

import kikitori
from kikitori.api.form import TranscriptionFields, TranslationFields
from kikitori.api.form_rules import PROMPT, rules
from kikitori.api.models import Models, translating

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
MODEL = {
    "type": "object",
    "required": ["id", "object", "created", "owned_by"],
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": {"type": "string"},
    },
}
MODELS = {
    "type": "object",
    "required": ["object", "data"],
    "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": MODEL}},
}
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
RECORDINGS = "audio/*, video/*"
"""The media types of a recording. What a client names is not looked at, but bytes that are neither are refused."""
REFUSALS = {
    "400": "the request or the recording can't be used",
    "401": "the API key is missing or wrong",
    "404": "there is no such model or endpoint",
    "413": "the request is too large",
    "429": "the queue is full, or a limit is reached",
    "500": "a fault of the server",
    "503": "the server is being stopped, or has not enough memory",
}
"""Status -> when it is answered."""


def describe(models: Models) -> dict:
    """Return the OpenAPI document of a server with these models."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    transcription = _upload("Speech to text", TranscriptionFields, list(models))
    _schema_of(transcription)["allOf"] = rules(models)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kikitori", "version": kikitori.__version__, "description": "OpenAI's audio API"},
        "paths": {
            "/v1/audio/transcriptions": {"post": transcription},
            "/v1/audio/translations": {
                "post": _upload("Japanese speech to English text", TranslationFields, translating(models))
            },
            "/v1/models": {"get": _get("The models", MODELS)},
            "/v1/models/{name}": {"get": _get("One model", MODEL) | {"parameters": [name]}},
        },
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}, "schemas": {"Error": ERROR}},
        "security": [{}, {"key": []}],
    }


def _upload(summary: str, fields: type[TranslationFields], models: list[str]) -> dict:
    schema = fields.model_json_schema()
    schema["properties"]["model"]["enum"] = models
    schema["properties"]["prompt"] |= PROMPT
    schema["properties"]["file"] = {
        "type": "string",
        "format": "binary",
        "description": "A recording, with or without a video.",
    }
    schema["required"] = ["file", *schema["required"]]
    answers = {kind: {} for kind in ("text/plain", "text/vtt", "application/x-subrip", "text/event-stream")}
    if "stream" not in schema["properties"]:
        del answers["text/event-stream"]
    form = {"schema": schema, "encoding": {"file": {"contentType": RECORDINGS}}}
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": {"multipart/form-data": form}},
        "responses": _responses({"application/json": {"schema": TEXT}} | answers),
    }


def _schema_of(operation: dict) -> dict:
    return operation["requestBody"]["content"]["multipart/form-data"]["schema"]


def _get(summary: str, schema: dict) -> dict:
    return {"summary": summary, "responses": _responses({"application/json": {"schema": schema}})}


def _responses(content: dict) -> dict:
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    refusals = {status: {"description": text, "content": refused} for status, text in REFUSALS.items()}
    return {"200": {"description": "done", "content": content}} | refusals
