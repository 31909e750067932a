"""/v1/realtime: a WebSocket that takes sound and sends text while somebody speaks."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from kikitori.api.errors import answer_error, record_of
from kikitori.api.live_sound import SoundQueue, Transcriber
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.models import Models, choose_direction, served_models
from kikitori.api.realtime_events import APPEND, COMMIT, READY, UPDATE, Outgoing, Settings, made, read_event, samples_of
from kikitori.errors import RequestError, SpeechError, StoppingError
from kikitori.languages import AUTO
from kikitori.live.events import Event
from kikitori.server.job_log import logged_job
from kikitori.server.keys import PROTOCOL
from kikitori.server.refusals import error_record
from kikitori.server.shutdown import JOBS
from kikitori.strings import Duration
from kikitori.tasks import Checkpoint, Task, choose_task, get_task
from kikitori.text.context import check_context

LOOK_SECONDS = 1.0
"""How often a visitor who sends nothing is looked at: whether time is up, or the server is being stopped."""
GOING_AWAY, REFUSED, FAILED = 1001, 1008, 1011
"""Why a WebSocket is closed (RFC 6455, section 7.4.1): a server that stops, a limit, a fault."""


class Realtime:
    """The endpoint.

    origins: of web pages that may call it, besides this server's own.
    """

    def __init__(self, checkpoints: Mapping[str, Checkpoint], origins: Collection[str], visitors: LiveVisitors):
        self._checkpoints = checkpoints
        self._models = served_models(checkpoints)
        self._origins = origins
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a visitor as a request is refused, or serve until one side ends it."""
        socket = WebSocket(scope, receive, send)
        try:
            self._check(socket)
            chosen = _chosen_by_address(socket.query_params)
            settings = Settings().updated({"audio": {"input": {"transcription": chosen}}})
            _task_of(settings, self._models)
            with self._visitors.place():
                await socket.accept(PROTOCOL if PROTOCOL in scope["subprotocols"] else None)
                with suppress(WebSocketDisconnect):
                    await _Conversation(socket, self._checkpoints, self._models, self._visitors, settings).hold()
        except SpeechError as error:
            refused = await answer_error(Request(scope | {"type": "http"}), error)
            await refused(scope, receive, send)

    def _check(self, socket: WebSocket) -> None:
        """Raise RequestError if the server has no live text, or not for this web page."""
        check_live(self._checkpoints)
        origin = socket.headers.get("origin")
        own = {socket.headers.get("host"), socket.headers.get("x-forwarded-host")}  # proxies may send the second
        if origin and origin not in self._origins and urlsplit(origin).netloc not in own:
            raise RequestError("origin_refused", origin=origin[:200])


def check_live(checkpoints: Mapping[str, Checkpoint]) -> None:
    """Raise RequestError if this server has no live text. checkpoints: by role."""
    if os.environ.get("SPACES_ZERO_GPU"):
        raise RequestError("live_borrowed")
    if any(checkpoint.urls for checkpoint in checkpoints.values()):
        raise RequestError("live_remote")


def _chosen_by_address(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in ("model", "language") if name in query}


def _task_of(settings: Settings, models: Models) -> Task:
    """What the settings choose. Raises SpeechError."""
    chosen = settings.audio.input.transcription
    check_context(chosen.prompt)
    direction = choose_direction(models, chosen.model, chosen.language)
    return choose_task(direction, chosen.language or AUTO) if get_task(direction).takes_any else get_task(direction)


class _Conversation:
    """One visitor's events."""

    def __init__(
        self,
        socket: WebSocket,
        checkpoints: Mapping[str, Checkpoint],
        models: Models,
        visitors: LiveVisitors,
        settings: Settings,
    ):
        self._socket, self._checkpoints, self._models, self._visitors = socket, checkpoints, models, visitors
        self._settings = settings
        self._sound = SoundQueue()
        self._working: asyncio.Task | None = None
        self._ends = asyncio.get_running_loop().time() + visitors.max_seconds
        self._expires = round(time.time() + visitors.max_seconds)

    async def hold(self) -> None:
        """Take events until the client leaves, its time is up, or something breaks; then send the last texts."""
        await self._send(made("session.created", session=self._described()))
        try:
            record, code = await self._take_all_and_finish()
        finally:
            if self._working:
                self._working.cancel()
                await asyncio.gather(self._working, return_exceptions=True)
        await self._send_error(record)
        with suppress(RuntimeError):  # the client has gone
            await self._socket.close(code)

    async def _take_all_and_finish(self) -> tuple[dict, int]:
        """Take events and send all texts; return the error that has ended it and a code. Raises WebSocketDisconnect."""
        try:
            end = await self._take_all()
            self._sound.end()
            if self._working:
                await self._working
        except SpeechError as error:
            end = error
        except HTTPException as error:  # the limit of bytes
            return error_record(error.status_code, error.detail), REFUSED
        codes = {RequestError: REFUSED, StoppingError: GOING_AWAY}
        return record_of(end), codes.get(type(end), FAILED)

    async def _take_all(self) -> SpeechError:
        """Take events; return why they end. Raises WebSocketDisconnect, HTTPException, and the error of the work."""
        receiving, heard = self._receive(), asyncio.get_running_loop().time()
        try:
            while True:
                waiting = {receiving, self._working} - {None}
                done, _ = await asyncio.wait(waiting, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if self._working in done:
                    self._working.result()
                now = asyncio.get_running_loop().time()
                if receiving in done:
                    await self._take(receiving.result())
                    receiving, heard = self._receive(), now
                if JOBS.stopping:
                    return StoppingError("stopping")
                if now >= self._ends:
                    return RequestError("live_ended", limit=Duration(self._visitors.max_seconds))
                if now - heard >= self._visitors.idle_seconds:
                    return RequestError("live_idle", limit=Duration(self._visitors.idle_seconds))
        finally:
            receiving.cancel()

    def _receive(self) -> asyncio.Task[Message]:
        return asyncio.ensure_future(self._socket.receive())

    async def _take(self, message: Message) -> None:
        """Carry out a message. An event that can't be carried out is answered, and the others go on."""
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", GOING_AWAY))
        event: dict = {}
        try:
            if (data := message.get("bytes")) is not None:
                await self._append(data)
                return
            event = read_event(message["text"])
            if event["type"] == APPEND:
                await self._append(samples_of(event))
            elif event["type"] == COMMIT:
                await self._commit()
            elif event["type"] == UPDATE:
                await self._update(event)
        except SpeechError as error:
            await self._send_error(record_of(error), event.get("event_id"))

    async def _append(self, data: bytes) -> None:
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
        await self._sound.put(data, self._working)

    async def _commit(self) -> None:
        if self._working is None:
            raise RequestError("no_live_sound")
        self._sound.commit()

    async def _update(self, event: dict) -> None:
        if self._working:
            raise RequestError("live_begun", name="session")
        settings = self._settings.updated(event.get("session"))
        _task_of(settings, self._models)
        self._settings = settings
        await self._send(made("session.updated", session=self._described()))

    async def _work(self) -> None:
        """Turn sound into text until the sound ends. Raises SpeechError."""
        task, sound = _task_of(self._settings, self._models), self._settings.audio.input
        run = partial(asyncio.get_running_loop().run_in_executor, self._visitors.threads)
        outgoing = Outgoing()
        with logged_job(task.name) as line:
            transcriber = await run(Transcriber, task, self._checkpoints, sound.transcription.prompt, sound.format.rate)
            await self._send(made(READY))
            async for part in self._sound.parts():
                await self._send_all(outgoing, await run(transcriber.take, part))
                line.sound_seconds = transcriber.seconds
                if not (part.is_commit or part.is_last):
                    continue
                events = await run(transcriber.flush)
                await self._send_all(outgoing, events, part.is_commit)
                if part.is_commit and not events:
                    await self._send_error(record_of(RequestError("no_live_sound")))

    async def _send_all(self, outgoing: Outgoing, events: list[Event], is_requested: bool = False) -> None:
        for event in events:
            for one in outgoing.of(event, is_requested):
                await self._send(one)

    def _described(self) -> dict:
        """The session as OpenAI's clients read it, with when it ends."""
        return self._settings.model_dump() | {
            "object": "realtime.transcription_session",
            "expires_at": self._expires,
            "max_seconds": self._visitors.max_seconds,
        }

    async def _send(self, event: dict) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # the client has gone, which `_take_all` notices
            await self._socket.send_text(json.dumps(event, ensure_ascii=False))

    async def _send_error(self, record: dict, event_id: object = None) -> None:
        """Send an error. event_id: of the client's event that is at fault, if it gave one."""
        record = record | {"event_id": event_id if isinstance(event_id, str) else None}
        await self._send(made("error", error=record))
