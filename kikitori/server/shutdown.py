"""Orderly shutdown: refuse new jobs, finish the running ones."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from kikitori.errors import StoppingError
from kikitori.server.logging import LOG

SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOP_SECONDS = 60.0
"""How long a shutdown waits for running jobs."""
FAREWELL_SECONDS = 5
"""How long it then waits until their results are sent."""


class Jobs:
    """Counts running jobs, and refuses new ones once the server is stopping."""

    def __init__(self):
        self.stopping = False
        self._running = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        """Count a job as running. Raises StoppingError."""
        with self._changed:
            if self.stopping:
                raise StoppingError("stopping")
            self._running += 1

    def __exit__(self, *_) -> None:
        """Count a job as ended."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def refuse(self) -> int:
        """Refuse new jobs. Returns how many run."""
        with self._changed:
            self.stopping = True
            return self._running

    def wait(self, seconds: float) -> int:
        """Wait until no job runs. Returns how many still run after this many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, seconds)
            return self._running


JOBS = Jobs()


class Stop:
    """Stops the server on SIGTERM or Ctrl-C. A second signal ends the process at once."""

    def __init__(self):
        self._asked = threading.Event()
        for number in SIGNALS:
            signal.signal(number, self._ask)

    def _ask(self, *_) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        self._asked.set()

    def wait(self, server: Any, end_streams: Callable[[], None] = lambda: None) -> None:
        """Serve until a signal comes; then finish running jobs, send their results and end.

        server: a `uvicorn.Server` whose `thread` runs it. end_streams: ends answers that have no end of their own.
        """
        while not self._asked.wait(1):  # on Windows a wait without a timeout ignores Ctrl-C
            pass
        running = JOBS.refuse()
        how = {"at_most_seconds": STOP_SECONDS, "note": "a second signal ends the server at once"} if running else {}
        LOG.info("stopping", extra={"fields": {"running": running, **how}})
        JOBS.wait(STOP_SECONDS)
        server.config.timeout_graceful_shutdown = FAREWELL_SECONDS
        server.should_exit = True
        end_streams()
        server.thread.join(2 * FAREWELL_SECONDS)
        LOG.info("stopped", extra={"fields": {"unfinished": JOBS.wait(0)}})
