"""A small HTTP server that speaks as vLLM does, and fails as a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("Bom", " dia", ".")


class ScriptedServer(ThreadingHTTPServer):
    """Writes WORDS for any window.

    faults: what becomes of the next windows, one each: a status, `cut` after the first word, `hang` until the client
    leaves, `step`: each word waits for a release of `next_word`. bodies: what was asked. left: set once a client has
    left before the end. answer: to each question about itself, instead of vLLM's.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0, model: str = "tiny", version: str = "0.32.0", continues: bool = True):
        super().__init__(("127.0.0.1", port), _Handler)
        self.model, self.version, self.continues = model, version, continues
        self.words: tuple[str, ...] = WORDS
        self.max_model_len = 4096
        self.answer: object = None
        self.faults: list[int | str] = []
        self.bodies: list[dict] = []
        self.left = threading.Event()
        self.next_word = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(**options) -> Iterator[ScriptedServer]:
    """Serve while the block runs."""
    server = ScriptedServer(**options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        if self.server.answer is not None:
            self._answer(200, self.server.answer)
        elif self.path == "/version":
            self._answer(200, {"version": self.server.version})
        else:
            record = {"id": self.server.model, "root": self.server.model, "max_model_len": self.server.max_model_len}
            self._answer(200, {"data": [record]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            continues = self.server.continues or "chat_template" in body
            last = "<asr_text>" if continues else "assistant"
            self._answer(200, {"tokens": [1], "token_strs": ["system", last]})
            return
        self.server.bodies.append(body)
        fault = self.server.faults.pop(0) if self.server.faults else None
        if isinstance(fault, int):
            self._answer(fault, {"error": {"message": "the engine is dead"}})
        else:
            self._stream(fault)

    def _stream(self, fault: str | None) -> None:
        self.send_response(200)
        self.end_headers()
        for place, word in enumerate(self.server.words):
            if fault == "step":
                self.server.next_word.acquire()
            is_last = place == len(self.server.words) - 1
            token = {"token": word, "logprob": -0.1 if place else -3.0}
            choice = {"delta": {"content": word}, "logprobs": {"content": [token]}, "token_ids": [place]}
            self._event({"choices": [choice | {"finish_reason": "stop" if is_last else None}]})
            if fault == "cut":
                return
            if fault == "hang":
                self._wait_until_left()
                return
        self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, event: dict) -> None:
        self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

    def _wait_until_left(self) -> None:
        try:
            while True:
                self.wfile.write(b": waiting\n\n")
                time.sleep(0.01)
        except OSError:
            self.server.left.set()

    def _answer(self, status: int, record: object) -> None:
        data = json.dumps(record).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
