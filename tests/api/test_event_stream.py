"""A stream is not silent for long, even while its job waits. Nothing here depends on a clock."""

from __future__ import annotations

import asyncio
import json

import pytest

from kikitori.api.endpoints import Transcriptions
from kikitori.api.event_stream import KEEP_ALIVE
from kikitori.api.queue import Queue
from kikitori.tasks import choose_checkpoints
from tests.support.coroutines import finish
from tests.support.forms import asgi_form
from tests.support.recordings import one_recording
from tests.support.server import PATIENCE_SECONDS

TINY = choose_checkpoints(["tiny"])
GOOD = one_recording("pt")
BROKEN = {
    "message": "clip.flac cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM",
    "type": "invalid_request_error",
    "param": "file",
    "code": "undecodable",
}


async def stream_after_waiting(content: bytes) -> list[dict]:
    """What is sent to a client whose job waits until three comments have come."""
    queue, due, sent, bodies = Queue(at_once=1, waiting=1), asyncio.Queue(), [], []
    scope, body = asgi_form(content, stream="true")
    three = asyncio.Event()

    async def receive() -> dict:
        if bodies:
            await asyncio.Event().wait()
        bodies.append(body)
        return {"type": "http.request", "body": body}

    async def send(message: dict) -> None:
        sent.append(message)
        if len(sent) == 4:  # the start and three comments
            three.set()

    async with queue.turn():
        request = asyncio.ensure_future(Transcriptions(TINY, queue, pause=due.get)(scope, receive, send))
        for _ in range(3):
            due.put_nowait(None)
        await asyncio.wait_for(three.wait(), PATIENCE_SECONDS)
        assert not request.done()
    await request
    return sent


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (GOOD.path.read_bytes(), {"type": "transcript.text.done", "text": GOOD.reference}),
        (b"hello", {"error": BROKEN}),
    ],
    ids=["good", "broken"],
)
def test_a_stream_whose_job_waits_has_comments_and_then_its_events(content, last):
    start, *bodies = finish(stream_after_waiting(content))
    assert (start["status"], dict(start["headers"])[b"content-type"]) == (200, b"text/event-stream; charset=utf-8")
    assert [one["body"] for one in bodies[:3]] == 3 * [KEEP_ALIVE]
    lines = b"".join(one["body"] for one in bodies).decode().split("\n\n")
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line and not line.startswith(":")]
    assert events[-1] == last
    assert [one["more_body"] for one in bodies] == [True] * (len(bodies) - 1) + [False]
