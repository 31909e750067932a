"""The page's own WebSocket: what Gradio's server is told about it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from kikitori.page.live import SOUND
from kikitori.server.sockets import MAX_MESSAGE_BYTES

TOO_BIG = 1009
HEADER_BYTES = 14  # of a masked frame with a length of 64 bits


def test_the_pages_server_has_the_limits_of_the_api(server):
    with connect(f"ws://{urlsplit(server).netloc}{SOUND}", compression=None) as client:
        client.recv()
        message = Frame(Opcode.BINARY, b"\0" * (MAX_MESSAGE_BYTES + 1)).serialize(mask=True)
        # The header has the length. What came after it could reset the connection before its answer is read.
        client.socket.sendall(message[:HEADER_BYTES])
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
    assert closed.value.rcvd.code == TOO_BIG
