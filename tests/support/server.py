"""Waiting for a server, and reading its log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 120
"""A limit for what a broken program would never do, not a measurement."""


def until(happened: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, f"it did not happen within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


def jobs_in(log: Path) -> list[dict]:
    """The lines of a server's log about jobs that have ended."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"time"')]
    return [line for line in lines if line["event"] == "job"]
