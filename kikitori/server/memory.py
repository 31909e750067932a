"""How threads share glibc's heaps."""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

M_ARENA_MAX = -8
"""In glibc's malloc.h."""


def share_heaps() -> None:
    """Let all threads share two of glibc's heaps; call it before there are threads.

    With one for each of Gradio's, memory goes on growing with requests.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_ARENA_MAX, 2)
