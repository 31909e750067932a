"""A stand-in for CUDA graphs on a machine without CUDA."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only


@dataclass
class _Address:
    """A tensor in memory that a recording does not own, as a CUDA graph knows it: by its address."""

    storage: StorageWeakRef
    dtype: torch.dtype
    size: torch.Size
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, tensor: torch.Tensor) -> _Address:
        storage = StorageWeakRef(tensor.untyped_storage())
        return cls(storage, tensor.dtype, tensor.size(), tensor.stride(), tensor.storage_offset())

    def tensor(self) -> torch.Tensor:
        assert not self.storage.expired(), "a replayed graph reads memory that was freed"
        storage = torch.UntypedStorage._new_with_weak_ptr(self.storage.cdata)
        return torch.empty(0, dtype=self.dtype).set_(storage, self.offset, self.size, self.stride)


class RecordedGraph(TorchDispatchMode):
    """Records operations and replays them on the tensors that they were recorded with.

    Like a CUDA graph it owns the memory of intermediate results, and keeps nothing else alive.
    """

    def __init__(self) -> None:
        super().__init__()
        self._operations: list[tuple[Callable, object, object, object]] = []
        self._own: dict[int, torch.UntypedStorage] = {}

    @classmethod
    def capture(cls, function: Callable[[], torch.Tensor], device: torch.device) -> tuple[RecordedGraph, torch.Tensor]:
        """As `kikitori.model.cuda_graphs.capture`."""
        graph = cls()
        with graph:
            result = function()
        return graph, result

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        new = [tensor for tensor in _tensors(result) if tensor.untyped_storage().data_ptr() not in given]
        changes_its_arguments = function._schema.is_mutable
        if new or changes_its_arguments:  # anything else is a view
            self._operations.append((function, self._addresses(args), self._addresses(kwargs), new and result))
        self._own |= {tensor.untyped_storage().data_ptr(): tensor.untyped_storage() for tensor in new}
        return result

    def _addresses(self, values):
        def address(tensor: torch.Tensor) -> torch.Tensor | _Address:
            return tensor if tensor.untyped_storage().data_ptr() in self._own else _Address.of(tensor)

        return tree_map_only(torch.Tensor, address, values)

    def replay(self) -> None:
        for function, args, kwargs, recorded in self._operations:
            args, kwargs = (tree_map_only(_Address, _Address.tensor, values) for values in (args, kwargs))
            result = function(*args, **kwargs)
            for target, source in zip(_tensors(recorded), _tensors(result), strict=False):
                target.copy_(source)


def _tensors(values) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]
