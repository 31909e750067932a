"""The page in its own process, as a user starts it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 120  # more than an orderly stop takes


@contextlib.contextmanager
def served(
    *options: str, log: Path | None = None, program: Sequence[str] = ("app.py",), limits: bool = False
) -> Iterator[tuple[subprocess.Popen, str]]:
    """Serve the page with the tiny checkpoint while the context lasts; yield its process and its address.

    options: of app.py. log: a new file for its standard output and error. program: another program that serves the
    page. limits: limit what one address may ask for, although all clients here have the same.
    Raises RuntimeError if it ends before it serves anything.
    """
    command = [sys.executable, "-u", *program, "--checkpoint", "tiny", "--port", str(free_port()), *options]
    command += [] if limits else ["--no-limits"]
    with (
        open(log, "w+b") if log else tempfile.TemporaryFile() as output,
        # Servers that share a folder share files of the same content, and the first that stops deletes them.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as uploads,
    ):
        environment = {**os.environ, "GRADIO_TEMP_DIR": uploads}
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
        try:
            yield process, _address(process, output.fileno())
        finally:
            process.terminate()
            process.wait(timeout=STOP_SECONDS)


def _address(process: subprocess.Popen, output: int) -> str:
    """Wait for the address that the page or the API's server prints."""
    while process.poll() is None:
        if address := re.search(rb"(?:local URL:|Serving the API at) +(http://\S+:\d+)", os.pread(output, 1 << 16, 0)):
            return address[1].decode()
        time.sleep(0.1)
    raise RuntimeError(f"the page ended before it served anything:\n{os.pread(output, 1 << 16, 0).decode()}")


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
