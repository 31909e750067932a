"""Importing qwen_asr without what most jobs never use.

`import qwen_asr` (0.0.6) imports nagisa too, which cuts Japanese into words for the forced aligner and loads its model
at once. transformers imports scikit-learn and SciPy for a kind of decoding and for losses that no job here uses.
Together they take longer than torch.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

OPTIONAL = ("sklearn", "scipy")
"""What transformers does without if it is not installed."""
_LOCK = threading.Lock()  # one thread must not take away what another one is importing


class _LoadedWhenUsed(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `inspect` asks every module for its file
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def import_qwen_asr() -> ModuleType:
    """Return the package qwen_asr."""
    with _LOCK, ExitStack() as stack:
        for name in OPTIONAL:
            stack.enter_context(_in_place_of(name, None))
        stack.enter_context(_in_place_of("nagisa", _LoadedWhenUsed("nagisa")))
        import qwen_asr
    return qwen_asr


def import_backend() -> ModuleType:
    """Return qwen_asr's module of model, configuration and processor."""
    return import_qwen_asr().core.transformers_backend


@contextmanager
def _in_place_of(name: str, module: ModuleType | None) -> Iterator[None]:
    """Let imports of a module get another one, or fail as if it were not installed; not if it is already imported."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module
    try:
        yield
    finally:
        del sys.modules[name]
