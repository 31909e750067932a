"""Memory use of a process with many threads."""

from __future__ import annotations

import ctypes
import sys

M_ARENA_MAX = -8
"""From glibc's malloc.h."""


def share_heaps() -> None:
    """Make all threads share two of glibc's heaps. Call it before other threads start.

    With a heap for each of Gradio's threads, memory would grow with the number of requests.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 2)
