"""torch's private operators for weights of 8 and 4 bits on a CPU. Nothing else in this project calls them.

Their names begin with an underscore, so torch may change them in any version. `check_operators` computes a small
product with each before weights are read. Signatures: aten/src/ATen/native/native_functions.yaml of torch 2.13.
Activations are bfloat16; with float32 these operators are several times slower.
"""

from __future__ import annotations

from functools import cache

import torch

from kikitori.errors import CheckpointError

GROUP = 32
"""With int4: inputs that share a scale and a zero point."""
MULTIPLE_OF_INPUTS, MULTIPLE_OF_OUTPUTS = 32, 64
"""What the operators take. With other sizes some read beyond the end of a matrix."""
ALIGNED_BYTES = 64
_PACKED_TOGETHER = 64, 32
"""Outputs that a packed block of int4 holds: with AVX-512, with AVX2."""
_INNER_TILES = 2  # an argument that changes nothing on a CPU


def aligned(tensor: torch.Tensor) -> torch.Tensor:
    """Return a contiguous tensor, or a copy, that begins where the operators can read it. Elsewhere some crash."""
    tensor = tensor.contiguous()
    return tensor.clone() if tensor.data_ptr() % ALIGNED_BYTES else tensor


def int8_product(x: torch.Tensor, numbers: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return x (rows, inputs) bfloat16 times a matrix.

    numbers: (outputs, inputs) int8, `aligned`. scales: (outputs,) bfloat16, what each output is multiplied with.
    """
    return torch._weight_int8pack_mm(aligned(x), numbers, scales)


def int4_product(x: torch.Tensor, packed: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """Return x (rows, inputs) bfloat16 times a matrix from `int4_pack`.

    scales: (inputs / GROUP, outputs, 2) bfloat16: each group's scale and zero point. A number n of 0 to 15 stands for
    (n - 8) * scale + zero point.
    """
    return torch._weight_int4pack_mm_for_cpu(aligned(x), packed, GROUP, scales)


def int4_pack(numbers: torch.Tensor) -> torch.Tensor:
    """Pack numbers of 0 to 15, (outputs, inputs) uint8, as this CPU's operator reads them: (outputs, inputs / 2)."""
    return torch._convert_weight_to_int4pack_for_cpu(numbers.to(torch.int32), _INNER_TILES)


def int4_unpack(packed: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the numbers of some whole blocks of a packed matrix less 8, so -8 to 7: (inputs, outputs), transposed."""
    outputs, half_of_inputs = packed.shape
    block = _outputs_packed_together()
    numbers = torch.empty(2 * half_of_inputs, outputs // block, 2, block // 2, dtype=dtype)
    pairs = packed.view(torch.int32)  # four bytes at a time
    for half, shift in enumerate((0, 4)):
        part = (pairs >> shift & 0x0F0F0F0F).view(torch.int8).sub_(8)
        numbers[:, :, half] = part.view(outputs // block, 2 * half_of_inputs, block // 2).transpose(0, 1)
    return numbers.view(2 * half_of_inputs, outputs)


@cache
def _outputs_packed_together() -> int | None:
    """How many outputs this CPU's packed blocks hold; None if the packed form is unknown."""
    numbers = (torch.arange(64 * 64) * 7 // 64 % 16).view(64, 64).to(torch.uint8)
    packed = int4_pack(numbers)
    for block in _PACKED_TOGETHER:
        pairs = packed.view(64 // block, 64, block // 2)
        rows = torch.cat((pairs & 15, pairs >> 4), dim=-1).transpose(1, 2).reshape(64, 64)
        if torch.equal(rows, numbers):
            return block
    return None


def check_operators(weights: str, device: str) -> None:
    """Raise CheckpointError if this torch can't compute with weights of a format on a device."""
    if torch.device(device).type != "cpu":
        raise CheckpointError("weights_on_device", weights=weights, device=device)
    try:
        why = "" if _CHECKS[weights]() else "its result is wrong"
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        why = str(error).partition("\n")[0]
    if why:
        raise CheckpointError("weights_unsupported", weights=weights, version=torch.__version__, why=why)


def _int8_works() -> bool:
    numbers = (torch.arange(64 * 64) % 17 - 8).view(64, 64).to(torch.int8)
    x, scales = torch.ones(2, 64, dtype=torch.bfloat16), torch.full((64,), 0.5, dtype=torch.bfloat16)
    return torch.equal(int8_product(x, numbers, scales)[1], (numbers.float().sum(1) / 2).bfloat16())


def _int4_works() -> bool:
    numbers = (torch.arange(64 * 64) * 5 // 3 % 16).view(64, 64).to(torch.uint8)
    x, scales = torch.ones(2, 64, dtype=torch.bfloat16), torch.ones(2, 64, 2, dtype=torch.bfloat16)
    product = int4_product(x, int4_pack(numbers), scales)[1]
    return bool(_outputs_packed_together()) and torch.equal(product, (numbers.float() - 7).sum(1).bfloat16())


_CHECKS = {"int8": _int8_works, "int4": _int4_works}
