"""The endpoints: a form comes in, a job runs while its client is connected, and the answer goes out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from kikitori.api.answers import answer, warning_header
from kikitori.api.description import describe
from kikitori.api.errors import record_of
from kikitori.api.event_stream import EventStream, Pause, pause
from kikitori.api.events import Events, encode
from kikitori.api.form import Received, TranscriptionFields, TranslationFields, receive_form
from kikitori.api.logprobs import token_records
from kikitori.api.models import choose_direction, choose_translation, model_records, served_models
from kikitori.api.outcome import Outcome
from kikitori.api.queue import Queue
from kikitori.api.running import Transcribe, running, steps_of, while_connected
from kikitori.errors import RequestError, SpeechError
from kikitori.languages import AUTO
from kikitori.server.jobs import JobOptions, Step, transcribe_upload
from kikitori.tasks import Checkpoint, check_alignable, choose_task, get_task
from kikitori.text.context import check_context

STREAMED = ("json", "text", "diarized_json")
"""The formats that can be streamed."""


class Transcriptions:
    """POST /v1/audio/transcriptions.

    transcribe: as `steps_of` takes it. pause: waits until a stream gets a comment that keeps it alive.
    """

    fields = TranscriptionFields

    def __init__(
        self,
        checkpoints: Mapping[str, Checkpoint],
        queue: Queue,
        transcribe: Transcribe = transcribe_upload,
        pause: Pause = pause,
    ):
        self._checkpoints = checkpoints
        self._models = served_models(checkpoints)
        self._queue = queue
        self._transcribe = transcribe
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises SpeechError before the answer has begun."""
        self._queue.check()
        with suppress(ClientDisconnect):  # before the form has arrived, so nobody waits for an answer
            async with receive_form(Request(scope, receive), self.fields) as (fields, recording):
                options = self.options(fields)
                await while_connected(receive, self._answer(fields, options, recording, (scope, receive, send)))

    def options(self, fields: TranscriptionFields) -> JobOptions:
        """What a form asks for. Raises SpeechError if it contradicts itself or the model."""
        direction = choose_direction(self._models, fields.model, fields.language)
        is_aligned = "word" in fields.timestamp_granularities
        if fields.timestamp_granularities and fields.response_format != "verbose_json":
            raise RequestError("field_needs", name="timestamp_granularities[]", needed="response_format=verbose_json")
        if fields.response_format == "diarized_json" and not get_task(direction).has_speakers:
            raise RequestError("field_needs", name="response_format=diarized_json", needed="model=diarize")
        if fields.stream and fields.response_format not in STREAMED:
            raise RequestError("field_needs", name="stream", needed=f"response_format={' or '.join(STREAMED)}")
        if fields.include and (fields.stream or fields.response_format != "json"):
            raise RequestError("field_needs", name="include[]", needed="response_format=json without stream")
        language = (fields.language or AUTO) if get_task(direction).takes_any else AUTO
        if is_aligned:
            check_alignable(choose_task(direction, language))
        context = check_context(fields.prompt)
        return JobOptions(direction, self._checkpoints, align=is_aligned, language=language, context=context)

    async def _answer(self, fields: TranslationFields, options: JobOptions, recording: Received, asgi: tuple) -> None:
        notes = [f"{name} is not honoured" for name in fields.not_honoured()]
        steps = steps_of(options, str(recording.path), recording.name, self._transcribe)
        if getattr(fields, "stream", False):
            stream = EventStream(asgi[2], warning_header(notes))
            async with stream.kept_alive(self._pause):
                await self._send_events(stream, Events(fields.response_format == "diarized_json"), steps)
            return
        outcome = Outcome()
        async with self._working(steps) as results:
            async for step in results:
                outcome.add(step)
        if getattr(fields, "include", ()):
            outcome.logprobs = await asyncio.to_thread(token_records, outcome.windows, options)
        granularities = getattr(fields, "timestamp_granularities", ())
        await answer(outcome, fields.response_format, granularities, notes)(*asgi)

    async def _send_events(self, stream: EventStream, events: Events, steps: Iterator[Step]) -> None:
        """Send a job's events as they come. Raises SpeechError only before the answer has begun."""
        try:
            async with self._working(steps) as results:
                async for step in results:
                    await stream.send(b"".join(map(encode, events.of(step))))
        except SpeechError as error:
            if not stream.has_begun:
                raise
            await stream.send(encode({"error": record_of(error)}))
        await stream.send(b"", is_last=True)

    @asynccontextmanager
    async def _working(self, steps: Iterator[Step]) -> AsyncIterator[AsyncIterator[Step]]:
        """Wait for a turn, and run a job while the block lasts."""
        async with self._queue.turn(), running(steps) as results, aclosing(results):
            yield results


class Translations(Transcriptions):
    """POST /v1/audio/translations, which writes English."""

    fields = TranslationFields

    def options(self, fields: TranslationFields) -> JobOptions:
        """What a form asks for. Raises SpeechError."""
        direction = choose_translation(self._models, fields.model)
        return JobOptions(direction, self._checkpoints, context=check_context(fields.prompt))


class ModelList:
    """GET /v1/models and /v1/models/NAME, and /v1/openapi.json, which names the models."""

    def __init__(self, checkpoints: Mapping[str, Checkpoint]):
        self._models = served_models(checkpoints)

    async def all(self, _: Request) -> JSONResponse:
        """Answer with all models."""
        return JSONResponse({"object": "list", "data": model_records(self._models)})

    async def description(self, _: Request) -> JSONResponse:
        """Answer with the OpenAPI document."""
        return JSONResponse(describe(self._models))

    async def one(self, request: Request) -> JSONResponse:
        """Answer with one model. Raises RequestError."""
        name = request.path_params["name"]
        if name not in self._models:
            choose_direction(self._models, name)
        return JSONResponse(model_records([name])[0])
