"""The processes of a training that `torchrun` started, on one machine or several. Without it there is one process.

Only the first process prints and writes results. Every process reads the same options and data, so most errors occur
in all of them; the first process of each machine reports them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from evaluation.data import DataError
from kikitori.errors import SpeechError, exit_code_of

SECONDS_FOR_THE_FIRST_ERROR = 20
"""How long the other processes wait with an error. The first one reports the same error meanwhile, and `torchrun`
then stops the others. If it does not, the error is theirs alone."""


def process_count() -> int:
    """Return the number of processes on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this is the process that prints and writes results."""
    return os.environ.get("RANK", "0") == "0"


def print_once(text: str) -> None:
    """Print a line, in the first process only."""
    if is_first_process():
        print(text, flush=True)


def check_launch(accumulation: int) -> None:
    """Raise DataError if the processes can't share this number of batches per update, or if accelerate shards too."""
    processes = process_count()
    if accumulation % processes:
        raise DataError(
            f"{accumulation} batches per update can't be shared equally by {processes} processes: "
            f"give an --accumulation that is a multiple of {processes}"
        )
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        raise DataError(
            "accelerate's configuration turns FSDP on, and the training shards the model itself: "
            "start it with torchrun, or choose distributed_type MULTI_GPU in that configuration"
        )


def run(work: Callable[[], object]) -> int:
    """Run a command's work in this process. Returns its exit code: 0, or 1 after a SpeechError."""
    import torch.distributed as dist

    try:
        return exit_code_of(lambda: _in_turn(work))
    finally:
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()


def _in_turn(work: Callable[[], object]) -> None:
    try:
        work()
    except SpeechError:
        if os.environ.get("LOCAL_RANK", "0") != "0":
            time.sleep(SECONDS_FOR_THE_FIRST_ERROR)
        raise
