"""Importing qwen_asr without what most jobs never use.

`import qwen_asr` (0.0.6) imports nagisa too, which cuts Japanese into words for the forced aligner and loads its model
at once. transformers (4.57.6) imports scikit-learn and SciPy for a kind of decoding and for losses that no job here
uses. It also imports torch's compiler and distributed tensors, for models that are compiled or spread over devices, and
these import SymPy. All this takes longer than torch.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

OPTIONAL = ("sklearn", "scipy")
"""What transformers does without if it is not installed."""
COMPILER = "torch._dynamo"
_LOCK = threading.Lock()  # one thread must not take away what another one is importing


class _LoadedWhenUsed(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `inspect` asks every module for its file
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def import_qwen_asr() -> ModuleType:
    """Return the package qwen_asr."""
    with _LOCK:
        if "qwen_asr" in sys.modules:
            return sys.modules["qwen_asr"]
        with ExitStack() as stack:
            for name in OPTIONAL:
                stack.enter_context(_in_place_of(name, None))
            stack.enter_context(_in_place_of("nagisa", _LoadedWhenUsed("nagisa")))
            _leave_out_compiler(stack)
            import qwen_asr
    return qwen_asr


def import_backend() -> ModuleType:
    """Return qwen_asr's module of model, configuration and processor."""
    return import_qwen_asr().core.transformers_backend


def _leave_out_compiler(stack: ExitStack) -> None:
    """Let transformers find neither torch's compiler nor its distributed tensors, unless this process has used them.

    A process that shares a model with others needs the tensors to save it.
    """
    import torch

    if COMPILER in sys.modules or "WORLD_SIZE" in os.environ:
        return
    compiler, masks = ModuleType(COMPILER), ModuleType(f"{COMPILER}._trace_wrapped_higher_order_op")
    compiler.allow_in_graph = compiler.disable = _unmarked
    masks.TransformGetItemToIndex = _transform_getitem_to_index
    for module in (compiler, masks):
        stack.enter_context(_in_place_of(module.__name__, module))
    stack.callback(setattr, torch.distributed, "is_available", torch.distributed.is_available)
    torch.distributed.is_available = lambda: False


def _unmarked(function: Callable | None = None, *_: Any, **__: Any) -> Callable:
    """Take the place of decorators that mark a function for the compiler."""
    return function or _unmarked


def _transform_getitem_to_index() -> AbstractContextManager:
    """What transformers calls while it makes attention masks."""
    from torch._dynamo._trace_wrapped_higher_order_op import TransformGetItemToIndex

    return TransformGetItemToIndex()


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
