"""A client of /v1/realtime, and a server for it."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import soxr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.realtime_events import TEXT
from kikitori.api.serve import build_app, build_parser, build_server
from kikitori.audio.files import load_audio
from kikitori.server.keys import Keys
from kikitori.tasks import choose_checkpoints
from tests.support.server import until

TINY = choose_checkpoints(["tiny"])
ORIGIN = "https://captions.example"
WAIT_SECONDS = 120


def raw(path, rate: int = 16000) -> bytes:
    waveform = soxr.resample(load_audio(path), 16000, rate)
    return np.round(waveform.clip(-1, 1) * 32767).astype("<i2").tobytes()


def append(data: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(data).decode()})


def update(session: dict) -> str:
    return json.dumps({"type": "session.update", "session": session})


COMMIT = json.dumps({"type": "input_audio_buffer.commit", "event_id": "mine"})


@contextmanager
def serving(
    live: LiveVisitors | None = None, keys: Keys | None = None, checkpoints=TINY
) -> Iterator[Callable[..., ClientConnection]]:
    """Give a function that connects to a server of its own."""
    options = build_parser().parse_args(["--allow-origin", ORIGIN])
    server = build_server(build_app(checkpoints, options, keys, live))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()

    def open_one(query: str = "model=pt", host: str = "127.0.0.1", **options) -> ClientConnection:
        made = socket.create_connection(("127.0.0.1", port))
        return connect(f"ws://{host}:{port}/v1/realtime?{query}", sock=made, **options)

    try:
        until(lambda: server.started)
        yield open_one
    finally:
        server.should_exit = True
        thread.join()


def receive(client: ClientConnection, *kinds: str) -> list[dict]:
    """All events up to the first of one of these kinds."""
    events: list[dict] = []
    while not events or events[-1]["type"] not in kinds:
        events.append(json.loads(client.recv(WAIT_SECONDS)))
    return events


def completed(events: list[dict]) -> list[str]:
    return [event["transcript"] for event in events if event["type"] == f"{TEXT}.completed"]


def play(client: ClientConnection, data: bytes) -> None:
    """Send sound in parts of a quarter of a second, and ask for its text."""
    for start in range(0, len(data), 8000):
        client.send(append(data[start : start + 8000]))
    client.send(COMMIT)


def refused(open_one: Callable, query: str = "model=pt", **options) -> tuple[int, dict]:
    """Status and error of a connection that is refused."""
    with pytest.raises(InvalidStatus) as raised:
        open_one(query, **options)
    response = raised.value.response
    return response.status_code, json.loads(response.body)["error"]
