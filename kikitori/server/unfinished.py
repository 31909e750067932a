"""What jobs that did not come to their end have decoded, so that whoever goes on does not wait for it again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping

from kikitori.result import DecodingResult

KEEP_SECONDS = 3600
"""As long as an upload is kept at least (kikitori/page/tabs.py)."""
MAX_WINDOWS = 4000
"""Of all jobs together. Each takes up to 20 kB, and four hours have 500 or so."""


class Results:
    """The results of one job's windows, as `JournaledEngine` takes them."""

    def __init__(self):
        self.results: dict[str, DecodingResult] = {}
        self.began = time.monotonic()

    def add(self, results: Mapping[str, DecodingResult]) -> None:
        """Keep results by the hashes of their windows."""
        self.results |= results


class UnfinishedJobs:
    """Results by job, in memory. Those of the oldest jobs are forgotten first. Safe to use from several threads."""

    def __init__(self):
        self._jobs: OrderedDict[Hashable, Results] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, key: Hashable) -> Results:
        """The results of a job that begins, with those that an earlier attempt left.

        key: the recording and the weights; what else decides a window's text is in its hash.
        """
        with self._lock:
            self._forget_old()
            kept = self._jobs.pop(key, None) or Results()
            kept.began = time.monotonic()
            self._jobs[key] = kept
            return kept

    def end(self, key: Hashable) -> None:
        """Forget a job that has come to its end."""
        with self._lock:
            self._jobs.pop(key, None)

    def _forget_old(self) -> None:
        oldest = time.monotonic() - KEEP_SECONDS
        windows = sum(len(one.results) for one in self._jobs.values())
        for key, one in list(self._jobs.items()):
            if one.began > oldest and windows <= MAX_WINDOWS:
                return
            windows -= len(one.results)
            del self._jobs[key]
