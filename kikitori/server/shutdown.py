"""An orderly stop: take no new jobs, finish the running ones."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

from kikitori.errors import StoppingError

if TYPE_CHECKING:
    pass
from kikitori.server.logging import LOG

STOP_SECONDS = 60.0
"""How long a stop waits for the jobs in hand."""
FAREWELL_SECONDS = 5
"""How long it then waits for their answers to be sent."""


class Jobs:
    """The recordings in hand, and whether more are taken."""

    def __init__(self):
        self.stopping = False
        self._running = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        """One more. Raises StoppingError."""
        with self._changed:
            if self.stopping:
                raise StoppingError("stopping")
            self._running += 1

    def __exit__(self, *_) -> None:
        """One less."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def finish(self, seconds: float) -> int:
        """Take no more, and wait for those in hand; how many are not done after so long."""
        with self._changed:
            self.stopping = True
            self._changed.wait_for(lambda: not self._running, seconds)
            return self._running


JOBS = Jobs()


class Stop:
    """What SIGTERM and Ctrl-C ask for; a second one ends the process at once."""

    def __init__(self):
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame) -> None:
        signal.signal(number, signal.SIG_DFL)
        self._asked.set()

    def wait(self, demo: Any) -> None:
        """Serve until the stop is asked for, finish the jobs in hand, send what they answer, delete uploads."""
        self._asked.wait()
        LOG.info("stopping")
        unfinished = JOBS.finish(STOP_SECONDS)
        # Not demo.close(), which ends the queue first: answers that are still on their way would be lost.
        demo.server.config.timeout_graceful_shutdown = FAREWELL_SECONDS
        demo.server.should_exit = True
        demo.app.stop_event.set()
        demo.server.thread.join(2 * FAREWELL_SECONDS)
        LOG.info("stopped", extra={"fields": {"unfinished": unfinished}})
