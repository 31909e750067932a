"""Numbers that are not finite: in a checkpoint's weights, and in what the model computes from them.

A model that computes NaN still writes text: its most likely token is then always the first of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_leaves

from kikitori.errors import CheckpointError

if TYPE_CHECKING:
    import numpy as np


def check_finite_weights(model: torch.nn.Module, folder: Path) -> None:
    """Raise CheckpointError if a weight of a loaded model is NaN or infinite; it names the tensor."""
    for name, weight in model.named_parameters():
        if not is_finite(weight):
            raise CheckpointError("weights_not_finite", folder=folder, tensor=name)


@torch.no_grad()
def is_finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers of a floating tensor are finite. Reads it once and makes no copy."""
    if not tensor.numel():
        return True
    return bool(torch.isfinite(torch.stack(torch.aminmax(tensor.detach()))).all())


def not_finite(qwen: Any, prompt: str, waveform: np.ndarray, written: Sequence[int]) -> CheckpointError:
    """Return the error for a clip whose logits are not finite; it names the first layer that computes such a number.

    qwen: a `qwen_asr.Qwen3ASRModel`. prompt: from `build_prompt`. waveform: float32 mono 16 kHz, (samples,). written:
    the ids that were decoded before.
    """
    return CheckpointError("output_not_finite", layer=_first_broken_layer(qwen, prompt, waveform, written) or "logits")


def _first_broken_layer(qwen: Any, prompt: str, waveform: np.ndarray, written: Sequence[int]) -> str | None:
    """Run qwen-asr's own forward pass and return the name of the first module whose output is not finite."""
    inputs = qwen.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(qwen.model.device).to(qwen.model.dtype)
    ids = inputs.pop("input_ids")
    ids = torch.cat([ids, torch.tensor([list(written)], dtype=ids.dtype, device=ids.device)], dim=1)
    inputs["attention_mask"] = torch.ones_like(ids)
    broken: list[str] = []

    def watch(name: str):
        def hook(_module, _inputs, output) -> None:
            numbers = (leaf for leaf in tree_leaves(output) if isinstance(leaf, torch.Tensor))
            if not broken and not all(is_finite(tensor) for tensor in numbers if tensor.is_floating_point()):
                broken.append(name)

        return hook

    with torch.no_grad(), ExitStack() as hooks:
        for name, module in qwen.model.named_modules():
            hooks.callback(module.register_forward_hook(watch(name)).remove)
        qwen.model.thinker(input_ids=ids, **inputs)
    return broken[0] if broken else None
