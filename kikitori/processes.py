"""Processes that work for this one, and end with it."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

CONTEXT = multiprocessing.get_context("spawn")
"""How processes are started: a fork would inherit the threads and the GPU of this process."""
THREADS = "OMP_NUM_THREADS"
"""The environment variable that says how many threads torch has."""


ENDING = {signal.SIGINT, signal.SIGTERM}
"""The signals that end a process. A terminal and a container send them to all processes of a program."""
CAN_BLOCK = hasattr(signal, "pthread_sigmask")  # not on Windows


def cores_for_each(count: int) -> int:
    """Return the share of this machine's cores that each of some processes has, at least one."""
    return max(1, (os.cpu_count() or 1) // count)


def start(process: BaseProcess) -> None:
    """Start a process that signals can't end before it calls `prepare_process`."""
    if not CAN_BLOCK:
        process.start()
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # otherwise `start` does, and unblocks the signals
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def prepare_process(threads: int) -> None:
    """Prepare a process that has just been started. It ends with its parent, which alone gets Ctrl-C.

    threads: for torch, unless the environment says otherwise.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if CAN_BLOCK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if THREADS not in os.environ:
        os.environ[THREADS] = str(threads)
        if torch := sys.modules.get("torch"):  # it has read the environment already
            torch.set_num_threads(threads)


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def count_of(things: str) -> Callable[[str], int]:
    """Return the type of an option that is a number of such things, 1 or more."""

    def count(text: str) -> int:
        if not text.isdecimal() or not int(text):
            raise argparse.ArgumentTypeError(f"{text} is not a number of {things}: write 1 or more")
        return int(text)

    return count
