"""Shares the weights of a model among processes (FSDP2: torch's `fully_shard`), and their states among files.

Each process keeps an equal part of every weight, of its gradient and of the optimiser's moments. A layer's weights are
collected while the layer computes. torch does it directly: accelerate's FSDP has the same effect, but it silently
copies the model instead where there is no GPU, so that it could not be tested.

A checkpoint is a folder of torch.distributed.checkpoint, to which each process writes its part. It can be read by any
other number of processes, including one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from training.processes import is_first_process, process_count


def layers(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the encoder's and the decoder's layers. Each is collected as a whole; all else is collected once."""
    yield from model.thinker.audio_tower.layers
    yield from model.thinker.model.layers


def shard(model: nn.Module, device: torch.device, bf16: bool) -> None:
    """Share the weights among all processes, in place. Each process must have loaded the same model.

    device: of this process. bf16: layers compute with weights in bfloat16; the shares stay float32, and gradients are
    summed in float32.
    """
    settings = {"mesh": init_device_mesh(device.type, (process_count(),))}
    if bf16:
        settings["mp_policy"] = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for layer in layers(model):
        fully_shard(layer, **settings)
    fully_shard(model, **settings)


def whole_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return all weights by name, on the CPU, in the first process; an empty dict in the others.

    All processes have to call this together. Tied weights have an entry under each of their names.
    """
    _release(model)
    weights, whole = {}, {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        if parameter not in whole:
            tensor = parameter.detach()
            tensor = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
            whole[parameter] = tensor.cpu() if is_first_process() else None
        weights[name] = whole[parameter]
    return weights if is_first_process() else {}


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write the weights of all processes to a folder."""
    dcp.save(_weights(model), checkpoint_id=folder, no_dist=not dist.is_initialized())


def load_weights(model: nn.Module, folder: Path) -> None:
    """Read the weights that any number of processes wrote, in place."""
    dcp.load(_weights(model), checkpoint_id=folder, no_dist=not dist.is_initialized())


def save_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Write the optimiser's state of all processes to a folder, by the names of the weights."""
    _release(model)
    state = {"optimizer": get_optimizer_state_dict(model, optimizer)}
    dcp.save(state, checkpoint_id=folder, no_dist=not dist.is_initialized())


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Read the optimiser's state that any number of processes wrote."""
    _release(model)
    state = {"optimizer": get_optimizer_state_dict(model, optimizer)}
    dcp.load(state, checkpoint_id=folder, no_dist=not dist.is_initialized())
    set_optimizer_state_dict(model, optimizer, state["optimizer"])


def _weights(model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Return the weights by name, tied ones once. They share their memory with the model."""
    _release(model)
    return {"model": {name: parameter.detach() for name, parameter in model.named_parameters()}}


def _release(model: nn.Module) -> None:
    """Give up the weights collected for an evaluation: those outside the layers are kept until a backward pass."""
    if isinstance(model, FSDPModule):
        model.reshard()
