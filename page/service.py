"""What a server owes those who run it: a line of log a recording, faults that stay with one job, an orderly stop."""

from __future__ import annotations

import ctypes
import json
import logging
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from starlette.requests import Request
from starlette.responses import JSONResponse

from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.transcript import Transcript

STOP_SECONDS = 60.0
"""How long a stop waits for the jobs in hand."""
FAREWELL_SECONDS = 5
"""How long it then waits for their answers to be sent."""

M_ARENA_MAX = -8
"""In glibc's malloc.h."""

LOG = logging.getLogger("page")


class FaultError(SpeechError):
    """Something broke that is not the recording's fault."""


class StoppingError(SpeechError):
    """The server takes no more jobs."""


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
                raise StoppingError("The server is being stopped and takes no new recordings: try again in a minute")
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


def attend(direction: str, transcripts: Iterator[Transcript]) -> Iterator[Transcript]:
    """Pass on what becomes of one recording, and log how that ended, without anything that was said.

    Raises SpeechError: the recording's own, StoppingError, or FaultError where something broke.
    """
    line = {"job": uuid.uuid4().hex, "direction": direction, "sound_seconds": 0.0}
    ended = {"ended": "stopped"}  # by the visitor, who closes this generator
    clock = time.monotonic()
    try:
        with JOBS:
            for transcript in transcripts:
                line["sound_seconds"] = round(transcript.duration_seconds, 3)
                yield transcript
            ended = {"ended": "done"}
    except Exception as error:
        # Gradio's errors are ZeroGPU's refusals, which the page shows as they are.
        if isinstance(error, SpeechError) or hasattr(error, "print_exception"):
            ended = {"ended": "refused", "error": type(error).__name__}
            raise
        ended = {"ended": "failed", "error": type(error).__name__, "where": _where(error)}
        raise _fault(error) from error
    finally:
        level = logging.ERROR if ended["ended"] == "failed" else logging.INFO
        taken = {"took_seconds": round(time.monotonic() - clock, 3)}
        LOG.log(level, "job", extra={"fields": line | taken | ended})


def _where(error: Exception) -> str:
    """The line that raised it: messages may hold words or names, a place in the code holds none."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _fault(error: Exception) -> FaultError:
    from speech.batching import is_out_of_memory  # imports torch

    if is_out_of_memory(error) or isinstance(error, MemoryError):
        return FaultError(
            "There is not enough memory for this recording now: try again later, or cut it into shorter recordings"
        )
    return FaultError("Something broke while this recording was transcribed, which the server's log names: try again")


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, event, and the record's `fields`."""

    converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"
        line = {"time": moment, "level": record.levelname, "event": record.getMessage()}
        return json.dumps(line | getattr(record, "fields", {}))


def log_to(stream: TextIO) -> None:
    """Write the page's log there, and nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(logging.INFO)


def health(demo: Any):
    """The handler of /health, for a `gradio.Blocks`: 200 while recordings are taken, 503 before and after that."""

    async def answer(_: Request) -> JSONResponse:
        if JOBS.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        if not demo.app.startup_events_triggered or demo._queue.stopped:
            return JSONResponse({"status": "not ready"}, 503)
        return JSONResponse({"status": "ok"})

    return answer


def share_heaps() -> None:
    """Let all threads share two of glibc's heaps; call it before there are threads.

    With one for each of Gradio's, memory goes on growing with requests.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 2)


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
