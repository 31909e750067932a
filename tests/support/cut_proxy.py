"""A network that can be cut: a TCP proxy between a browser and servers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class Network:
    """Passes connections on to a server while there is one."""

    def __init__(self, server: str):
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self._server: str | None = server
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break all connections, and refuse others."""
        self._server = None
        for one in list(self._open):
            _close(one)

    def mend(self, server: str) -> None:
        """Lead to a server again."""
        self._server = server

    def close(self) -> None:
        """Cut it for good."""
        self.cut()
        _close(self._listening)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        if not self._server:
            _close(client)
            return
        place = urlsplit(self._server)
        with contextlib.suppress(OSError):
            server = socket.create_connection((place.hostname, place.port))
            self._open |= {client, server}
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)
            self._open -= {client, server}


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _close(source)
    _close(target)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextlib.contextmanager
def network(server: str) -> Iterator[Network]:
    """Give a network that leads to a server."""
    made = Network(server)
    try:
        yield made
    finally:
        made.close()
