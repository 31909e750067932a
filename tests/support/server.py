"""tests.support.server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_SECONDS = 120
"""For what a broken program would never do; a limit, not a measurement."""


def until(happened: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def jobs_in(log: Path) -> list[dict]:
    """What a page's log says of jobs that have ended."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"time"')]
    return [line for line in lines if line["event"] == "job"]
