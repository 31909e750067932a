"""A lock for jobs that take turns."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class FairLock:
    """A lock that is handed on in the order in which threads asked for it.

    With `threading.Lock`, a job that releases the lock and asks again at once gets it before those who wait: a clip
    would wait for a two-hour call.
    """

    def __init__(self):
        self._mutex = threading.Lock()
        self._is_held = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._mutex:
            if not self._is_held:
                self._is_held = True
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:  # interrupted: leave the queue, or hand the lock on if it was just given
            with self._mutex:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                else:
                    self._hand_on()
            raise

    def __exit__(self, *_) -> None:
        with self._mutex:
            self._hand_on()

    def locked(self) -> bool:
        """Whether a thread holds it."""
        return self._is_held

    def _hand_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._is_held = False


_LOCKS: dict[str, FairLock] = {}


def device_lock(device: torch.device) -> FairLock:
    """Return the lock that is held while a device computes, whichever model it is for.

    Two computations at once on one device take longer than one after the other, and memory is planned for one. The
    forced aligner also keeps `rope_deltas` from one run to the next.
    """
    return _LOCKS.setdefault(str(device), FairLock())
