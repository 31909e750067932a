"""One visitor's events: three tasks read messages, carry them out, and turn sound into text."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from kikitori.api.errors import record_of
from kikitori.api.live_sound import SoundQueue, Transcriber
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.models import Models, choose_direction
from kikitori.api.realtime_events import APPEND, COMMIT, READY, UPDATE, Outgoing, Settings, made, read_event, samples_of
from kikitori.errors import AudioError, RequestError, ServerError, SpeechError, StoppingError
from kikitori.languages import AUTO
from kikitori.live.events import Event
from kikitori.server.job_log import logged_job
from kikitori.server.logging import LOG
from kikitori.server.refusals import error_record
from kikitori.server.shutdown import JOBS
from kikitori.strings import Duration
from kikitori.tasks import Checkpoint, Task, choose_task, get_task
from kikitori.text.context import check_context

LOOK_SECONDS = 1.0
"""How often it is checked whether a visitor's time is up, or the server is being stopped."""
SEND_SECONDS = 30.0
"""How long an event may wait for a client that reads nothing. After that the client counts as gone."""
GOING_AWAY, REFUSED, FAILED = 1001, 1008, 1011
"""Why a WebSocket is closed (RFC 6455, section 7.4.1): a server that stops, a limit, a fault."""
CODES = {RequestError: REFUSED, AudioError: REFUSED, StoppingError: GOING_AWAY}

Result = TypeVar("Result")


def chosen_task(settings: Settings, models: Models) -> Task:
    """What the settings choose. Raises SpeechError."""
    chosen = settings.audio.input.transcription
    check_context(chosen.prompt)
    direction = choose_direction(models, chosen.model, chosen.language)
    return choose_task(direction, chosen.language or AUTO) if get_task(direction).takes_any else get_task(direction)


class Conversation:
    """Sound comes in and text goes out, until one side ends it.

    A client that sends sound faster than the model computes is read no further while too much of it waits. One message
    is read ahead, so that a client is seen to leave even if its sound waits. If it had sent more than that, it is seen
    when an event can't be sent. A client that vanishes without a word, because its network is gone, is ended by the
    limit on idle time once its sound is transcribed, or after it has read nothing for SEND_SECONDS.
    """

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
        self._messages: asyncio.Queue[Message | Exception] = asyncio.Queue(maxsize=1)
        self._sound = SoundQueue()
        self._heard = _now()  # when the client last sent something, or the server last had something to do
        self._ends = _now() + visitors.max_seconds
        self._expires = round(time.time() + visitors.max_seconds)

    async def hold(self) -> None:
        """Take events until the client leaves, its time is up, or something breaks; then send the last texts."""
        self._reading = asyncio.ensure_future(self._read())
        self._taking = asyncio.ensure_future(self._take_all())
        self._working = asyncio.ensure_future(self._work())
        try:
            await self._send(made("session.created", session=self._described()))
            end = await self._end()
            self._taking.cancel()
            end = await self._finish() or end
            if end and not self._is_gone:
                await self._close(end)
        finally:
            tasks = self._reading, self._taking, self._working
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _is_gone(self) -> bool:
        return self._reading.done()

    @property
    def _is_busy(self) -> bool:
        """Whether the server has something to do. Meanwhile a client may well wait and send nothing."""
        return not self._messages.empty() or self._sound.is_busy

    async def _end(self) -> Exception | None:
        """Wait for the end; return its reason, or None if the client has gone."""
        tasks = {self._reading, self._taking, self._working}
        while True:
            done, _ = await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if self._is_gone:
                return None
            for task in done:  # each of the other two ends with an error only
                return _known(task.exception())
            now = _now()
            if JOBS.stopping:
                return StoppingError("stopping")
            if now >= self._ends:
                return RequestError("live_ended", limit=Duration(self._visitors.max_seconds))
            if self._is_busy:
                self._heard = now
            elif now - self._heard >= self._visitors.idle_seconds:
                return RequestError("live_idle", limit=Duration(self._visitors.idle_seconds))

    async def _finish(self) -> Exception | None:
        """Send the texts of all sound so far; return the error that prevents it.

        If the client has gone, this only waits until the thread is free.
        """
        if not self._sound.begun.is_set() or self._working.done():
            return None
        if self._is_gone and not (self._messages.empty() and self._sound.is_empty):
            self._working.cancel()
        self._sound.end()
        await asyncio.wait({self._working})
        return None if self._working.cancelled() else _known(self._working.exception())

    async def _close(self, end: Exception) -> None:
        """Send the reason for the end, and close the connection."""
        is_limit = isinstance(end, HTTPException)  # of bytes
        await self._send_error(error_record(end.status_code, end.detail) if is_limit else record_of(end))
        code = REFUSED if is_limit else CODES.get(type(end), FAILED)
        with suppress(WebSocketDisconnect, RuntimeError, asyncio.TimeoutError):  # the client has gone
            await asyncio.wait_for(self._socket.close(code), SEND_SECONDS)

    async def _read(self) -> None:
        """Read messages until the client has gone. An error takes the place of a message."""
        while True:
            try:
                message = await self._socket.receive()
            except Exception as error:
                message = error
            else:
                if message["type"] == "websocket.disconnect":
                    return
            self._heard = _now()
            await self._messages.put(message)

    async def _take_all(self) -> None:
        """Carry out messages while there is room for sound. Raises the error that was read."""
        while True:
            await self._sound.room()
            message = await self._messages.get()
            if isinstance(message, Exception):
                raise message
            await self._take(message)

    async def _take(self, message: Message) -> None:
        """Carry out a message. An event that can't be carried out is answered, and the others go on.

        Raises AudioError for sound that no later sound could mend.
        """
        event: dict = {}
        try:
            if (data := message.get("bytes")) is not None:
                self._sound.add(data)
                return
            event = read_event(message["text"])
            if event["type"] == APPEND:
                self._sound.add(samples_of(event))
            elif event["type"] == COMMIT:
                self._sound.commit()
            elif event["type"] == UPDATE:
                await self._update(event)
        except AudioError:
            raise
        except SpeechError as error:
            await self._send_error(record_of(error), event.get("event_id"))

    async def _update(self, event: dict) -> None:
        if self._sound.begun.is_set():
            raise RequestError("live_begun", name="session")
        settings = self._settings.updated(event.get("session"))
        chosen_task(settings, self._models)
        self._settings = settings
        await self._send(made("session.updated", session=self._described()))

    async def _work(self) -> None:
        """Turn sound into text until the sound ends. Raises SpeechError."""
        await self._sound.begun.wait()
        task, sound = chosen_task(self._settings, self._models), self._settings.audio.input
        outgoing = Outgoing()
        with logged_job(task.name) as line:
            chosen = task, self._checkpoints, sound.transcription.prompt, sound.format.rate
            # A client that leaves meanwhile gives its place back at once; what its thread loads is for the next one.
            loop = asyncio.get_running_loop()
            transcriber = await loop.run_in_executor(self._visitors.threads, Transcriber, *chosen)
            await self._send(made(READY))
            async for part in self._sound.parts():
                try:
                    await self._send_all(outgoing, transcriber.take(part))
                finally:
                    line.sound_seconds = transcriber.seconds
                if part.is_last and self._is_gone and transcriber.is_open:
                    raise asyncio.CancelledError  # the text of the last stretch is for nobody
                if not (part.is_commit or part.is_last):
                    continue
                count = await self._send_all(outgoing, transcriber.flush(), part.is_commit)
                if part.is_commit and not count:
                    await self._send_error(record_of(RequestError("no_live_sound")))

    async def _send_all(self, outgoing: Outgoing, events: Iterator[Event], is_requested: bool = False) -> int:
        """Send events, each as soon as a thread has computed it; return how many.

        Raises CancelledError if the client has gone: what is computed then is thrown away.
        """
        count = 0
        while (event := await self._in_thread(next, events, None)) is not None:
            count += 1
            for one in outgoing.of(event, is_requested):
                if not await self._send(one):
                    raise asyncio.CancelledError
        return count

    async def _in_thread(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in a thread. Whoever cancels this waits for it: no thread can be stopped."""
        running = asyncio.get_running_loop().run_in_executor(self._visitors.threads, function, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise

    def _described(self) -> dict:
        """The session as OpenAI's clients read it, with when it ends."""
        return self._settings.model_dump() | {
            "object": "realtime.transcription_session",
            "expires_at": self._expires,
            "max_seconds": self._visitors.max_seconds,
        }

    async def _send(self, event: dict) -> bool:
        """Send an event. Returns whether the client was there; if not, it counts as gone from now on."""
        if self._is_gone:
            return False
        text = json.dumps(event)  # in ASCII: an `event_id` may have half of a character, which UTF-8 can't encode
        try:
            await asyncio.wait_for(self._socket.send_text(text), SEND_SECONDS)
        except (WebSocketDisconnect, RuntimeError, asyncio.TimeoutError):
            self._reading.cancel()
            await asyncio.wait({self._reading})
            return False
        return True

    async def _send_error(self, record: dict, event_id: object = None) -> None:
        """Send an error. event_id: of the client's event that is at fault, if it gave one."""
        record = record | {"event_id": event_id if isinstance(event_id, str) else None}
        await self._send(made("error", error=record))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _known(error: Exception | None) -> Exception | None:
    """Return an error that can be sent. One that nobody foresaw is logged."""
    if error is None or isinstance(error, (SpeechError, HTTPException)):
        return error
    LOG.error("live", exc_info=error)
    return ServerError("server_fault")
