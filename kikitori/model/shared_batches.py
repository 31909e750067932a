"""Texts of several jobs that are decoded in one batch.

Each job reads its own prompts, and its rows then join a batch of the same recognizer that is being decoded, if there is
room. Whoever holds the device's lock decodes the next few tokens of all rows; other jobs go on as soon as theirs are
there. Rows leave when their text ends or their job is closed. If a batch fails, each of its jobs starts again alone, so
that only the job that is the cause gets the error.
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING
from weakref import WeakSet

from kikitori.model import batching
from kikitori.model.batch import STREAM_EVERY_TOKENS, Batch, compact, fetch
from kikitori.model.kv_cache import bucket, power_of_two

if TYPE_CHECKING:
    from kikitori.model.recognizer import Recognizer
    from kikitori.model.row import Row

MAX_SHARED_ROWS = 32
"""More rows gain little on a CPU, and on CUDA their graphs would keep more memory."""
MAX_PADDING = 2.0
"""By how much a shared batch may be larger than its parts, whose caches differ in length."""

log = logging.getLogger(__name__)


class SharedBatchError(Exception):
    """A batch of several jobs has failed."""


class SharedBatch:
    """A batch whose rows belong to one job at first, and to more that join it.

    Only its jobs hold it, so it is gone when the last of them ends. All but `follow` needs the device's lock.
    steps: how many tokens have been added to the texts that were in it all the time.
    """

    def __init__(self, recognizer: Recognizer, batch: Batch, rows: list[Row]):
        self.steps = 0
        self._recognizer = recognizer
        self._batch: Batch | None = batch
        self._active = list(rows)
        self._jobs = [rows]
        self._slots = bucket(max(n + row.budget for n, row in zip(batch.lengths, rows, strict=True)))

    def follow(self, rows: list[Row], seen: int) -> int:
        """Wait until a job's texts have ended, or a few tokens were added since step `seen`; return the present step.

        Other jobs may add them. If none does, this one takes the device's lock and does so. Raises SharedBatchError.
        """

        def is_served() -> bool:
            return self.steps - seen >= STREAM_EVERY_TOKENS or all(row.ended_by for row in rows)

        with self._recognizer.lock.unless(is_served):
            while not is_served():
                self._advance()
        return self.steps

    def takes(self, other: SharedBatch) -> bool:
        """Whether the rows of another batch may join: not too many, of similar length, and memory suffices."""
        self._drop_ended()
        if self._batch is None:
            return False
        rows, slots = len(self) + len(other), max(self._slots, other._slots)
        if rows > MAX_SHARED_ROWS or rows * slots > MAX_PADDING * (len(self) * self._slots + len(other) * other._slots):
            return False
        # The cache, and on CUDA the graph to whose memory the rows are copied, have room for a power of two.
        needed = slots * power_of_two(rows) * self._batch.cache.slot_bytes
        return needed <= batching.free_bytes(self._recognizer.decoder.device) * batching.MEMORY_SHARE

    def join(self, other: SharedBatch) -> None:
        """Take over the rows of a batch that has not advanced. Raises SharedBatchError."""
        try:
            self._batch.join(other._batch)
        except Exception as error:
            raise SharedBatchError from error
        self._active += other._active
        self._jobs += other._jobs
        self._slots = max(self._slots, other._slots)

    def __len__(self) -> int:
        return len(self._active)

    def _advance(self) -> None:
        """Read and add the next tokens. If there are several jobs, any error is a SharedBatchError for each of them."""
        if self._batch is None:
            raise SharedBatchError
        try:
            self._add_tokens()
            self._drop_ended()
            self._recognizer.lock.let_go()
            if self._batch:
                self._batch.step()  # a batch that joins has a chosen token too
        except BaseException as error:
            self._batch = None
            if len(self._jobs) == 1 or not isinstance(error, Exception):
                raise
            log.warning("%d jobs shared a batch that failed; each is decoded alone: %s", len(self._jobs), error)
            raise SharedBatchError from error

    def _add_tokens(self) -> None:
        """Add the chosen tokens to the texts, on CUDA after further steps."""
        chosen = [self._batch.chosen]
        while len(chosen) < self._recognizer.sync_every_steps:
            self._batch.step()
            chosen.append(self._batch.chosen)
        for ids, inverse_probabilities in fetch(chosen):
            for row, token, inverse_probability in zip(self._active, ids, inverse_probabilities, strict=True):
                row.add(token, -math.log(inverse_probability), self._recognizer)
            self.steps += 1

    def _drop_ended(self) -> None:
        """Drop the rows whose text has ended, and with the last of them the batch."""
        unfinished = [place for place, row in enumerate(self._active) if not row.ended_by]
        if not unfinished:
            self._batch = None
        elif len(unfinished) < len(self._active) and self._batch:
            unfinished = compact(unfinished)
            self._batch.keep(unfinished)
        self._active = [self._active[place] for place in unfinished]
        self._jobs = [rows for rows in self._jobs if not all(row.ended_by for row in rows)]


def join_or_begin(running: WeakSet[SharedBatch], new: SharedBatch) -> SharedBatch:
    """Return the running batch that takes the new one's rows; if none does, the new one, which others may join."""
    if takers := [batch for batch in running if batch.takes(new)]:
        largest = max(takers, key=len)
        largest.join(new)
        return largest
    running.add(new)
    return new
