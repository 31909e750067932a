"""What Gradio's queue takes and keeps: no request that it can't use, and nothing of one that has run."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from gradio.context import LocalContext
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kikitori.server.body_size import HEAVY_ELEMENTS, MAX_ELEMENTS
from kikitori.server.limits import ELEMENTS_KEY
from kikitori.server.memory import trim_heaps

CALL = "/gradio_api/call/"
STREAM = "/gradio_api/queue/data"
MAX_WAITING_ELEMENTS = 4 * MAX_ELEMENTS
"""Of JSON in all requests that wait in the queue."""
KEEP_RESULT_SECONDS = 3600
"""How long a result waits for a program to fetch it."""


def guard_queue(blocks: Any) -> None:
    """Make the queue of a `gradio.Blocks` refuse what it can't use, and forget requests that have run.

    Gradio keeps the body and the parsed data of every request until the server ends. It also lets a program name
    another session for an endpoint's result than the event that it asks for, so that it never arrives.
    """
    queue = blocks._queue
    push, process_events = queue.push, queue.process_events

    async def push_usable(body, request, username):
        if reason := _refusal(blocks, body, request):
            return False, *reason
        if request.scope["path"].startswith(CALL):
            body.session_hash = None  # the event's own id
        for copy in ("_body", "_json"):  # of what `body` holds
            vars(request).pop(copy, None)
        return await push(body, request, username)

    async def process_and_forget(events, batch, begin_time):
        try:
            await process_events(events, batch, begin_time)
        finally:
            elements = sum(event.request.scope.get(ELEMENTS_KEY, 0) for event in events)
            for event in events:
                event.data = event.request = None
                asyncio.get_running_loop().call_later(KEEP_RESULT_SECONDS, _forget, blocks, event)
            if elements > HEAVY_ELEMENTS:
                await asyncio.to_thread(trim_heaps)

    queue.push, queue.process_events = push_usable, process_and_forget


def _refusal(blocks: Any, body: Any, request: Any) -> tuple[str, str] | None:
    """Why a request is not queued, and Gradio's name for that; None if it is."""
    fn = blocks.fns.get(body.fn_index)
    if fn is None:
        return f"There is no function with fn_index {body.fn_index}: take it from /config", "error"
    if len(body.data) > len(fn.inputs):
        return f"This request has {len(body.data):,} values, and at most {len(fn.inputs)} are taken", "error"
    waiting = [event for one in blocks._queue.event_queue_per_concurrency_id.values() for event in one.queue]
    elements = sum(event.request.scope.get(ELEMENTS_KEY, 0) for event in waiting)
    if elements and elements + request.scope.get(ELEMENTS_KEY, 0) > MAX_WAITING_ELEMENTS:
        return "Queue is full: the requests in it are too large. Try again in a minute", "queue_full"
    return None


def _forget(blocks: Any, event: Any) -> None:
    """Remove all traces of an event that has ended, and what is left of its session if that has no other."""
    queue, app = blocks._queue, blocks.app
    queue.event_ids_to_events.pop(event._id, None)
    queue.event_analytics.pop(event._id, None)
    app.iterators_to_reset.discard(event._id)
    queue._asyncio_tasks = [task for task in queue._asyncio_tasks if not task.done()]
    waiting = queue.pending_event_ids_session.get(event.session_hash, set())
    waiting.discard(event._id)
    if not waiting:
        queue.pending_event_ids_session.pop(event.session_hash, None)
        queue.pending_messages_per_session.pop(event.session_hash, None)


def is_wanted() -> bool:
    """Whether somebody still waits for the result of the event that this thread works on.

    Gradio marks an event when its client disconnects. A generator is then closed; a function has to ask.
    """
    blocks, event_id = LocalContext.blocks.get(), LocalContext.event_id.get()
    event = blocks._queue.event_ids_to_events.get(event_id)
    return event is None or event.alive


class KnownSessions:
    """ASGI middleware: 404 for the event stream of a session that does not exist. Gradio would break the stream off."""

    def __init__(self, app: ASGIApp, blocks: Any):
        self.app = app
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it."""
        session = _session_of(scope) if scope["type"] == "http" else None
        if session is None or session in self._blocks._queue.pending_messages_per_session:
            await self.app(scope, receive, send)
            return
        detail = "There is no such session or event, or its result was fetched already: send the request again"
        await JSONResponse({"detail": detail}, 404)(scope, receive, send)


def _session_of(scope: Scope) -> str | None:
    """The session whose events a request asks for; None if it asks for something else."""
    if scope["method"] != "GET":
        return None
    if scope["path"] == STREAM:
        # Gradio itself refuses a request that names none.
        return parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [None])[-1]
    if scope["path"].startswith(CALL):
        return scope["path"].rstrip("/").rpartition("/")[2]
    return None
