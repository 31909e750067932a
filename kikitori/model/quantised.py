"""Matrices of 8 or 4 bits per weight for the decoder's products on a CPU. Activations stay bfloat16 or float32.

A product of few rows reads the weights as they are stored, through an operator of torch, which takes bfloat16. For many
rows, as in a prompt, blocks of the matrix become floating numbers one after another, because torch's own product is
then faster: in bfloat16 on a CPU that computes it natively, elsewhere in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, Protocol, TypeAlias

import torch
import torch.nn.functional as F

from kikitori.errors import CheckpointError
from kikitori.model.operators import (
    GROUP,
    MULTIPLE_OF_INPUTS,
    MULTIPLE_OF_OUTPUTS,
    aligned,
    int4_pack,
    int4_product,
    int4_unpack,
    int8_product,
)

BLOCK_WEIGHTS = 1 << 20
"""About how many weights become floating numbers at once: few enough for a processor's cache."""
FEW_ROWS = {torch.bfloat16: {"int8": 8, "int4": 24}, torch.float32: {"int8": 48, "int4": 128}}
"""Up to how many rows the operator is faster than a product in that dtype, by format."""

Form: TypeAlias = tuple[tuple[int, ...], torch.dtype]
"""A tensor's shape and dtype."""


class QuantisedMatrix(Protocol):
    """A matrix for products, in place of a tensor (inputs, outputs).

    shares_memory: whether a matrix uses stored tensors where they are.
    """

    shares_memory: ClassVar[bool]
    shape: tuple[int, int]

    @classmethod
    def quantise(cls, weights: torch.Tensor) -> QuantisedMatrix:
        """Round floating weights, (outputs, inputs)."""

    @staticmethod
    def stored(outputs: int, inputs: int) -> dict[str, Form]:
        """Return the names of what `tensors` returns, and the form of each."""

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> QuantisedMatrix:
        """Make the matrix of stored tensors of these forms."""

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what is stored in a file, which is the same for every CPU."""

    def held(self) -> tuple[torch.Tensor, ...]:
        """Return what is held in memory, which a product of few rows reads."""

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (rows, inputs), bfloat16 or float32, times the matrix: (rows, outputs) of that dtype."""


class Int8Matrix:
    """Numbers of -127 to 127, and one scale per output, so that the largest weight of each output becomes 127."""

    shares_memory = True

    def __init__(self, numbers: torch.Tensor, scales: torch.Tensor):
        self._numbers, self._scales = numbers, scales
        self.shape = numbers.shape[1], numbers.shape[0]

    @classmethod
    def quantise(cls, weights: torch.Tensor) -> Int8Matrix:
        """Round floating weights, (outputs, inputs)."""
        check_shape(weights)
        numbers = torch.empty(weights.shape, dtype=torch.int8)
        scales = torch.empty(len(weights), dtype=torch.bfloat16)
        for block in _blocks(weights):
            part = weights[block].to(torch.float32, copy=True)
            # The rounded scale is the one that products use, so numbers are rounded with it.
            scales[block] = (part.abs().amax(1) / 127).clamp_min(torch.finfo(torch.bfloat16).tiny)
            numbers[block] = part.div_(scales[block, None].float()).round_().clamp_(-127, 127)
        return cls(numbers, scales)

    @staticmethod
    def stored(outputs: int, inputs: int) -> dict[str, Form]:
        """Return what is stored."""
        return {"int8": ((outputs, inputs), torch.int8), "scales": ((outputs,), torch.bfloat16)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Int8Matrix:
        """Make the matrix of stored tensors; it shares their memory if that is aligned."""
        return cls(aligned(tensors["int8"]), tensors["scales"])

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what is stored."""
        return {"int8": self._numbers, "scales": self._scales}

    def held(self) -> tuple[torch.Tensor, ...]:
        """Return what is held in memory."""
        return self._numbers, self._scales

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (rows, inputs) times the matrix."""
        if len(x) <= FEW_ROWS[x.dtype]["int8"]:
            return int8_product(x.bfloat16(), self._numbers, self._scales).to(x.dtype)
        y = _by_blocks(x, self._numbers, lambda block: F.linear(x, self._numbers[block].to(x.dtype)))
        return y.mul_(self._scales)


class Int4Matrix:
    """Numbers of 0 to 15, with a scale and a zero point for each GROUP of inputs of an output.

    packed: from `int4_pack`, which differs from CPU to CPU. scales: as `int4_product` takes them.
    """

    shares_memory = False

    def __init__(self, packed: torch.Tensor, scales: torch.Tensor):
        self._packed, self._scales = packed, scales
        self.shape = 2 * packed.shape[1], packed.shape[0]

    @classmethod
    def quantise(cls, weights: torch.Tensor) -> Int4Matrix:
        """Round floating weights, (outputs, inputs): each group's least weight becomes 0, its largest 15."""
        check_shape(weights)
        outputs, inputs = weights.shape
        packed = torch.empty(outputs, inputs // 2, dtype=torch.uint8)
        scales = torch.empty(inputs // GROUP, outputs, 2, dtype=torch.bfloat16)
        for block in _blocks(weights):
            groups = weights[block].to(torch.float32, copy=True).unflatten(1, (-1, GROUP))
            least, largest = groups.amin(-1), groups.amax(-1)
            scale = ((largest - least) / 15).clamp_min(torch.finfo(torch.bfloat16).tiny).bfloat16()
            zero = (least + 8 * scale.float()).bfloat16()
            # Rounded with the scale and zero point that products use.
            numbers = groups.sub_(zero.float()[..., None]).div_(scale.float()[..., None]).round_().add_(8).clamp_(0, 15)
            packed[block] = int4_pack(numbers.flatten(1))
            scales[:, block] = torch.stack((scale, zero), dim=-1).transpose(0, 1)
        return cls(packed, scales)

    @staticmethod
    def stored(outputs: int, inputs: int) -> dict[str, Form]:
        """Return what is stored."""
        scales = (inputs // GROUP, outputs, 2), torch.bfloat16
        return {"int4": ((outputs, inputs // 2), torch.uint8), "scales": scales}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Int4Matrix:
        """Make the matrix of stored tensors; the numbers are packed for this CPU."""
        pairs = tensors["int4"]
        packed = torch.empty(pairs.shape, dtype=torch.uint8)
        for block in _blocks(pairs):
            numbers = torch.stack((pairs[block] & 15, pairs[block] >> 4), dim=-1)
            packed[block] = int4_pack(numbers.flatten(1))
        return cls(packed, tensors["scales"].clone())

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what is stored.

        The lower half of a byte is an even input's number, the upper half that of the next input.
        """
        pairs = torch.empty_like(self._packed)
        for block in _blocks(self._packed):
            numbers = int4_unpack(self._packed[block], torch.uint8).add_(8).t()
            pairs[block] = numbers[:, ::2] | (numbers[:, 1::2] << 4)
        return {"int4": pairs, "scales": self._scales}

    def held(self) -> tuple[torch.Tensor, ...]:
        """Return what is held in memory."""
        return self._packed, self._scales

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (rows, inputs) times the matrix."""
        if len(x) <= FEW_ROWS[x.dtype]["int4"]:
            return int4_product(x.bfloat16(), self._packed, self._scales).to(x.dtype)
        sums = x.unflatten(1, (-1, GROUP)).sum(-1)
        return _by_blocks(x, self._packed, lambda block: self._block_product(x, sums, block))

    def _block_product(self, x: torch.Tensor, sums: torch.Tensor, block: slice) -> torch.Tensor:
        """Return x times some outputs' weights. sums: of each group of x, which its zero point is multiplied with."""
        scale, zero = (part.to(x.dtype).contiguous() for part in self._scales[:, block].unbind(-1))
        weights = int4_unpack(self._packed[block], x.dtype)
        weights.unflatten(0, (-1, GROUP)).mul_(scale[:, None])
        return torch.addmm(torch.mm(sums, zero), x, weights)


FORMATS: dict[str, type[QuantisedMatrix]] = {"int8": Int8Matrix, "int4": Int4Matrix}
"""Format -> its class."""


def check_shape(weights: torch.Tensor) -> None:
    """Raise CheckpointError if torch's operators do not take a matrix (outputs, inputs) of this size."""
    outputs, inputs = weights.shape
    if outputs % MULTIPLE_OF_OUTPUTS or inputs % MULTIPLE_OF_INPUTS:
        needed = f"{MULTIPLE_OF_OUTPUTS} × {MULTIPLE_OF_INPUTS}"
        raise CheckpointError("weights_shape", outputs=outputs, inputs=inputs, needed=needed)


def _blocks(matrix: torch.Tensor) -> Iterator[slice]:
    """Cut a matrix, (outputs, …), into slices of outputs with about BLOCK_WEIGHTS numbers each."""
    step = max(MULTIPLE_OF_OUTPUTS, BLOCK_WEIGHTS // matrix.shape[1] // MULTIPLE_OF_OUTPUTS * MULTIPLE_OF_OUTPUTS)
    for start in range(0, len(matrix), step):
        yield slice(start, min(start + step, len(matrix)))


def _by_blocks(x: torch.Tensor, matrix: torch.Tensor, multiply: Callable[[slice], torch.Tensor]) -> torch.Tensor:
    """Return x (rows, inputs) times a matrix (outputs, …). multiply: returns the columns of some outputs."""
    y = x.new_empty(len(x), len(matrix))
    for block in _blocks(matrix):
        y[:, block] = multiply(block)
    return y
