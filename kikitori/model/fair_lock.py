"""A lock for jobs that take turns."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def _never() -> bool:
    return False


@dataclass(eq=False)
class _Turn:
    """A thread that waits. is_needless: whether it need not wait any longer. is_given: whether it has the lock."""

    is_needless: Callable[[], bool]
    has_ended: threading.Event = field(default_factory=threading.Event)
    is_given: bool = False

    def end(self, is_given: bool) -> None:
        self.is_given = is_given
        self.has_ended.set()


class FairLock:
    """A lock that is handed on in the order in which threads asked for it.

    With `threading.Lock`, a job that releases the lock and asks again at once gets it before those who wait: a clip
    would wait for a two-hour call.
    """

    def __init__(self):
        self._mutex = threading.Lock()
        self._is_held = False
        self._waiting: deque[_Turn] = deque()

    def __enter__(self) -> None:
        self._acquire(_never)

    def __exit__(self, *_) -> None:
        with self._mutex:
            self._hand_on()

    @contextmanager
    def unless(self, is_needless: Callable[[], bool]) -> Iterator[None]:
        """Hold the lock while the block runs, unless it is needless or becomes so while this thread waits.

        is_needless: stays true once it is true. Whoever makes it true holds the lock and calls `let_go`.
        """
        is_given = self._acquire(is_needless)
        try:
            yield
        finally:
            if is_given:
                self.__exit__()

    def let_go(self) -> None:
        """Let those threads go on for which the lock has become needless."""
        with self._mutex:
            for turn in [turn for turn in self._waiting if turn.is_needless()]:
                self._waiting.remove(turn)
                turn.end(is_given=False)

    def locked(self) -> bool:
        """Whether a thread holds it."""
        return self._is_held

    def _acquire(self, is_needless: Callable[[], bool]) -> bool:
        """Wait for the lock; return whether this thread has it."""
        with self._mutex:
            if is_needless():
                return False
            if not self._is_held:
                self._is_held = True
                return True
            turn = _Turn(is_needless)
            self._waiting.append(turn)
        try:
            turn.has_ended.wait()
        except BaseException:  # interrupted: leave the queue, or hand the lock on if it was just given
            with self._mutex:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                elif turn.is_given:
                    self._hand_on()
            raise
        return turn.is_given

    def _hand_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().end(is_given=True)
        else:
            self._is_held = False


_LOCKS: dict[str, FairLock] = {}


def device_lock(device: torch.device) -> FairLock:
    """Return the lock that is held while a device computes, whichever model it is for.

    Two computations at once on one device take longer than one after the other, and memory is planned for one. The
    forced aligner also keeps `rope_deltas` from one run to the next.
    """
    return _LOCKS.setdefault(str(device), FairLock())
