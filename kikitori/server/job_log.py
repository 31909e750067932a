"""One job per recording: counted, logged without the recording's words, and isolated from other jobs' faults."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kikitori.errors import CheckpointError, EngineError, ServerError, SpeechError, WindowRefusedError
from kikitori.server.health import BROKEN
from kikitori.server.logging import LOG, place_of
from kikitori.server.shutdown import JOBS


@dataclass
class JobLine:
    """What a job reports for its line in the log. sound_seconds: how much is transcribed so far."""

    sound_seconds: float = 0.0


@contextmanager
def logged_job(direction: str) -> Iterator[JobLine]:
    """Count a job while the block runs, and log how it ended.

    Raises StoppingError if the server is being stopped. An error about the recording passes through; all others,
    also a checkpoint that can't be loaded, become a ServerError.
    """
    line = JobLine()
    ended = {"ended": "stopped"}  # by the visitor, which closes the generator around the block
    clock = time.monotonic()
    try:
        with JOBS:
            yield line
            ended = {"ended": "done"}
            BROKEN.discard(direction)
    except Exception as error:
        if _is_refusal(error):
            ended = {"ended": "refused", "error": type(error).__name__}
            raise
        if isinstance(error, CheckpointError) and not isinstance(error, WindowRefusedError):
            BROKEN.add(direction)
        ended = {"ended": "failed", "error": type(error).__name__, "where": place_of(error)}
        if isinstance(error, EngineError):
            ended["reason"] = str(error)  # addresses and names of models, no words of a recording
        raise _server_error(error) from error
    finally:
        fields = {
            "job": uuid.uuid4().hex,
            "direction": direction,
            "sound_seconds": round(line.sound_seconds, 3),
            "took_seconds": round(time.monotonic() - clock, 3),
        }
        level = logging.ERROR if ended["ended"] == "failed" else logging.INFO
        LOG.log(level, "job", extra={"fields": fields | ended})


def _is_refusal(error: Exception) -> bool:
    """Whether the server is not at fault. Gradio's errors are refusals of ZeroGPU, which are shown as they are."""
    is_ours = isinstance(error, SpeechError) and not isinstance(error, CheckpointError)
    return is_ours or hasattr(error, "print_exception")


def _server_error(error: Exception) -> ServerError:
    from kikitori.model.batching import is_out_of_memory

    if isinstance(error, CheckpointError):
        return ServerError("server_checkpoint")
    if is_out_of_memory(error) or isinstance(error, MemoryError):
        return ServerError("out_of_memory")
    return ServerError("server_fault")
