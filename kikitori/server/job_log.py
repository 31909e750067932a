"""What a server owes those who run it: a line of log a recording, faults that stay with one job, an orderly stop."""

from __future__ import annotations

import logging
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kikitori.errors import ServerError, SpeechError

if TYPE_CHECKING:
    from kikitori.transcript import Transcript
from kikitori.server.logging import LOG
from kikitori.server.shutdown import JOBS


def logged_job(direction: str, transcripts: Iterator[Transcript]) -> Iterator[Transcript]:
    """Pass on what becomes of one recording, and log how that ended, without anything that was said.

    Raises SpeechError: the recording's own, StoppingError, or ServerError where something broke.
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


def _fault(error: Exception) -> ServerError:
    from kikitori.model.batching import is_out_of_memory

    if is_out_of_memory(error) or isinstance(error, MemoryError):
        return ServerError("out_of_memory")
    return ServerError("server_fault")
