"""How many visitors have live text at the same time, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from kikitori.errors import RequestError

MAX_LIVE = 4
"""Each makes a pass per second of speech, for which the device must have time."""
MAX_SECONDS = 3600.0
IDLE_SECONDS = 60.0
"""How long a visitor may send nothing. Silence is sound too."""


@dataclass
class LiveVisitors:
    """Counts those who have live text. max_seconds, idle_seconds: as above, for each of them.

    threads: in which their sessions compute, one for each.
    """

    limit: int = MAX_LIVE
    max_seconds: float = MAX_SECONDS
    idle_seconds: float = IDLE_SECONDS
    threads: ThreadPoolExecutor = field(init=False)
    _count: int = 0

    def __post_init__(self) -> None:
        """Make the threads, which start when they are needed."""
        self.threads = ThreadPoolExecutor(max(1, self.limit), "live")

    def check_room(self) -> None:
        """Raise RequestError if no place is free."""
        if self._count >= self.limit:
            raise RequestError("live_full", limit=self.limit)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place while the block runs. Raises RequestError if there is none."""
        self.check_room()
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
