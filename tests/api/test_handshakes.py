"""Handshakes of WebSockets that can't be read: they get an answer, and the connection is closed."""

from __future__ import annotations

import socket

import pytest

from tests.support.realtime import WAIT_SECONDS, serving

UPGRADE = "Host: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"

MANY = "X-More: 1\r\n" * 200


@pytest.fixture(scope="module")
def open_one():
    with serving() as open_one:
        yield open_one


@pytest.mark.parametrize(
    "request_text",
    [
        f"GET /v1/realtime?model=pt HTTP/1.1\r\n{UPGRADE}Cookie: {'c' * 9000}\r\n\r\n",
        f"GET /v1/realtime?model={'p' * 9000} HTTP/1.1\r\n{UPGRADE}\r\n",
        f"GET /v1/realtime?model=pt HTTP/1.1\r\n{UPGRADE}{MANY}\r\n",
        f"POST /v1/realtime?model=pt HTTP/1.1\r\n{UPGRADE}Content-Length: 0\r\n\r\n",
    ],
    ids=["cookies", "address", "many headers", "POST"],
)
def test_it_is_answered_and_closed(open_one, request_text):
    with open_one() as client:
        port = client.remote_address[1]
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS) as connection:
        connection.sendall(request_text.encode())
        answer = b""
        while block := connection.recv(4096):
            answer += block
    assert answer.startswith(b"HTTP/1.1 400 ") and b"lines of up to 8,192 bytes and up to 128 headers" in answer
