"""The form of a request: its fields, and the recording, which goes to a file."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from kikitori.errors import RequestError, ServerError
from kikitori.languages import SHOWN_CHARACTERS
from kikitori.server.logging import LOG
from kikitori.strings import display_name, displayed

MAX_FIELDS = 40
MAX_FIELD_BYTES = 32_768
"""Of a field that is not the recording: these are held in memory."""
MAX_NAME = 255
"""Characters of the recording's name."""
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


class TranslationFields(BaseModel):
    """The fields of /v1/audio/translations but `file`."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="A name from /v1/models.")
    prompt: str = Field("", description="Names and terms that may be said, or other text about the recording.")
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json"] = "json"
    temperature: float = Field(0, ge=0, le=1, description="Not honoured: decoding is greedy. A warning says so.")

    def not_honoured(self) -> list[str]:
        """The fields that change nothing, although they should."""
        return ["temperature"] if self.temperature else []


class TranscriptionFields(TranslationFields):
    """The fields of /v1/audio/transcriptions but `file`."""

    language: str = Field("", description="What is spoken: ISO code or English name.")
    response_format: Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"] = "json"
    stream: bool = Field(False, description="Server-sent events instead of one answer.")
    timestamp_granularities: list[Literal["segment", "word"]] = Field([], alias="timestamp_granularities[]")
    include: list[Literal["logprobs"]] = Field([], alias="include[]")
    chunking_strategy: str = Field("auto", description="Recordings are always cut at pauses.")

    def not_honoured(self) -> list[str]:
        """The fields that change nothing, although they should."""
        return super().not_honoured() + (["chunking_strategy"] if self.chunking_strategy != "auto" else [])


Fields = TypeVar("Fields", bound=TranslationFields)


class Received:
    """A recording that has arrived. path: its file. name: what the client calls it, for messages and transcripts."""

    def __init__(self, path: Path, name: str):
        self.path = path
        self.name = name


@asynccontextmanager
async def receive_form(request: Request, kind: type[Fields]) -> AsyncIterator[tuple[Fields, Received]]:
    """Read a form; the recording's file lasts as long as the block.

    Raises RequestError, ServerError if there is no room for the recording, and ClientDisconnect.
    """
    form = await _read_form(request)
    try:
        fields, upload = read_fields(form, kind), _recording_in(form)
        with _storing():
            temporary = tempfile.TemporaryDirectory(prefix="kikitori-", ignore_cleanup_errors=True)
        with temporary as folder:
            # Only the suffix is the client's: FFmpeg takes it as a hint.
            suffix = _SUFFIX.fullmatch(Path(upload.filename or "").suffix)
            path = Path(folder, "recording" + (suffix[0] if suffix else ""))
            with _storing():
                await asyncio.to_thread(_copy, upload, path)
            await form.close()
            yield fields, Received(path, display_name(upload.filename or "recording")[:MAX_NAME])
    finally:
        await form.close()


async def _read_form(request: Request) -> FormData:
    try:
        with _storing():
            return await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
    except HTTPException as error:
        if error.status_code != 400:  # the Gate's
            raise
        raise RequestError("not_a_form", why=error.detail) from error


@contextmanager
def _storing() -> Iterator[None]:
    """Raise ServerError if the system refuses to write, and log its reason."""
    try:
        yield
    except OSError as error:
        folder = tempfile.tempdir or ""  # if no folder can be used, the reason names those that were tried
        LOG.error("upload lost", extra={"fields": {"folder": folder, "reason": error.strerror}})
        raise ServerError("server_storage") from error


def _copy(upload: UploadFile, path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)


def _recording_in(form: FormData) -> UploadFile:
    upload = form.get("file")
    if upload is None:
        raise RequestError("field_missing", name="file")
    if not isinstance(upload, UploadFile):
        raise RequestError("field_value", name="file", value=_shown(upload), why="it is no file")
    return upload


def read_fields(form: FormData, kind: type[Fields]) -> Fields:
    """Check the fields of a form, and return them. Lists may be named with or without `[]`. Raises RequestError."""
    lists = {field.alias for field in kind.model_fields.values() if field.alias}
    values: dict[str, Any] = {}
    for name, value in form.multi_items():
        if f"{name}[]" in lists or name in lists:
            values.setdefault(name.removesuffix("[]") + "[]", []).append(value)
        elif name in values:
            raise RequestError("field_value", name=name, value=_shown(value), why="the form has another one")
        elif name != "file":
            values[name] = value
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _request_error(error.errors()[0], kind) from error


def _request_error(found: dict, kind: type[TranslationFields]) -> RequestError:
    name = displayed(str(found["loc"][0]))[:SHOWN_CHARACTERS]
    if found["type"] == "missing":
        return RequestError("field_missing", name=name)
    if found["type"] == "extra_forbidden":
        choices = ["file", *(field.alias or own for own, field in kind.model_fields.items())]
        return RequestError("field_unknown", name=name, choices=", ".join(choices))
    return RequestError("field_value", name=name, value=_shown(found["input"]), why=found["msg"])


def _shown(value: object) -> str:
    return repr(displayed(str(value)[:SHOWN_CHARACTERS]))
