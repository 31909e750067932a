"""HTTP to a vLLM server: JSON, and answers that come in pieces. A request can be cancelled from another thread."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 600.0
"""For which a server may send nothing: a busy one lets windows wait, and the first request may compile for minutes."""
MAX_REASON = 300
"""Characters of a server's message that an error repeats."""


class UnavailableError(Exception):
    """The server did not answer, or not to the end: the same request may succeed later."""


class RefusedError(Exception):
    """The server understood the request and refuses it: it would refuse it again."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status = status


class CancelledError(Exception):
    """Nobody waits for the answer."""


class Requests:
    """The running requests of one job."""

    def __init__(self):
        self._cancelled = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End all requests; the servers notice that nobody listens, and stop decoding."""
        self._cancelled.set()
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def wait(self, seconds: float) -> None:
        """Wait before another attempt. Raises CancelledError."""
        if self._cancelled.wait(seconds):
            raise CancelledError

    def json(self, url: str, path: str, body: dict | None = None) -> dict:
        """Return a server's answer. Raises UnavailableError, RefusedError or CancelledError."""
        try:
            return json.loads(b"".join(self._lines(url, path, body, CONNECT_SECONDS)))
        except ValueError as error:
            raise UnavailableError("the answer is no JSON") from error

    def events(self, url: str, path: str, body: dict) -> Iterator[dict]:
        """Yield the events of a streamed answer, up to its end. Raises as `json`."""
        with closing(self._lines(url, path, body, SILENCE_SECONDS)) as lines:
            for line in lines:
                if not line.startswith(b"data:"):
                    continue
                data = line.removeprefix(b"data:").strip()
                if data == b"[DONE]":
                    return
                yield _event(data)
        raise UnavailableError("the answer was cut off")

    def _lines(self, url: str, path: str, body: dict | None, seconds: float) -> Iterator[bytes]:
        """Send a request and yield the lines of the answer."""
        try:
            with closing(_connection(url)) as connection, self._open(connection) as sock:
                sock.settimeout(seconds)
                method, data = ("GET", None) if body is None else ("POST", json.dumps(body).encode())
                connection.request(method, urlsplit(url).path + path, data, {"Content-Type": "application/json"})
                with closing(connection.getresponse()) as response:
                    if response.status != 200:
                        raise _failure(response.status, response.read(1 << 16))
                    yield from iter(response.readline, b"")
        except (OSError, HTTPException, ValueError) as error:
            self.wait(0)
            raise UnavailableError(_why(error)) from error

    def _open(self, connection: HTTPConnection) -> _Registered:
        self.wait(0)
        connection.connect()
        with self._lock:
            self._sockets.add(connection.sock)
        if self._cancelled.is_set():  # while it connected
            connection.sock.shutdown(socket.SHUT_RDWR)
        return _Registered(self, connection.sock)


class _Registered:
    """A socket that `Requests.cancel` closes while the block runs."""

    def __init__(self, requests: Requests, sock: socket.socket):
        self._requests, self._sock = requests, sock

    def __enter__(self) -> socket.socket:
        return self._sock

    def __exit__(self, *_: object) -> None:
        with self._requests._lock:
            self._requests._sockets.discard(self._sock)


def _connection(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(parts.hostname, parts.port, timeout=CONNECT_SECONDS)


def _failure(status: int, body: bytes) -> Exception:
    """What a status other than 200 means: a server that is overloaded or being started may answer later."""
    why = f"{status} {_message(body)}".strip()
    return UnavailableError(why) if status >= 500 or status in (408, 429) else RefusedError(status, why)


def _message(body: bytes) -> str:
    """The reason in a server's answer, in one line."""
    try:
        record = json.loads(body)
        error = record.get("error", record)
        text = error.get("message", "") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        text = ""
    return " ".join(str(text).split())[:MAX_REASON]


def _event(data: bytes) -> dict:
    """An event of an answer. Raises UnavailableError for an error after the answer has begun, as of a dying engine."""
    try:
        event = json.loads(data)
    except ValueError as error:
        raise UnavailableError("the answer was cut off") from error
    if "error" in event:
        raise UnavailableError(_message(data))
    return event


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
