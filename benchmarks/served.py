"""The page in a process of its own, as a user starts it."""

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
STOP_SECONDS = 120
"""More than an orderly stop takes."""


@contextlib.contextmanager
def served(
    *options: str, log: Path | None = None, program: Sequence[str] = ("app.py",)
) -> Iterator[tuple[subprocess.Popen, str]]:
    """The page on the tiny checkpoint while the context lasts: its process and the address that it prints.

    options: of app.py. log: a new file for what it prints, on both outputs. program: another one that serves the page.
    Raises RuntimeError where it ends before it serves anything.
    """
    command = [sys.executable, "-u", *program, "--checkpoint", "tiny", "--port", str(free_port()), *options]
    with open(log, "w+b") if log else tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            yield process, _address(process, output.fileno())
        finally:
            process.terminate()
            process.wait(timeout=STOP_SECONDS)


def _address(process: subprocess.Popen, output: int) -> str:
    """Wait for the address that it prints."""
    while process.poll() is None:
        if address := re.search(rb"local URL: +(http://\S+:\d+)", os.pread(output, 1 << 16, 0)):
            return address[1].decode()
        time.sleep(0.1)
    raise RuntimeError(f"it ended before it served anything:\n{os.pread(output, 1 << 16, 0).decode()}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
