"""Memory use of a process with many threads."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache

M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def share_heaps() -> None:
    """Make all threads share two of glibc's heaps. Call it before other threads start.

    With a heap for each of Gradio's threads, memory would grow with the number of requests.
    """
    if libc := _glibc():
        libc.mallopt(M_ARENA_MAX, 2)


def freeze_heap() -> None:
    """Exempt all objects so far from garbage collection. Call it when the libraries are loaded.

    While a large request is parsed, each of many collections would look at all of them.
    """
    gc.collect()
    gc.freeze()


@cache
def _glibc() -> ctypes.CDLL | None:
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if hasattr(libc, "malloc_trim") else None


def trim_heaps() -> None:
    """Give free memory back to the system. It takes some milliseconds, in which other threads run."""
    if libc := _glibc():
        libc.malloc_trim(0)
