"""Averages the weights of checkpoints: `python -m training.tiny.average FOLDER CHECKPOINT CHECKPOINT …`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from evaluation.options import OptionParser
from kikitori.errors import exit_code_of
from training.checkpoints import BaseError, choose_base, write_checkpoint


def average(folder: Path, checkpoints: Sequence[str]) -> None:
    """Write the mean of checkpoints to `folder`; everything but the weights is the first one's.

    checkpoints: folders of checkpoints with one file of weights each, such as those of `training.tiny`. The mean is
    computed in float32. Raises CheckpointError if one can't be used, and BaseError if their tensors differ in name or
    shape, or if `folder` is one of them.
    """
    from safetensors.torch import load_file

    bases = [choose_base(checkpoint, folder) for checkpoint in checkpoints]
    weights = [load_file(base / "model.safetensors") for base in bases]
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in weights]
    for base, shape in zip(bases, shapes, strict=True):
        if shape != shapes[0]:
            raise BaseError(f"{base} has other tensors than {bases[0]}: average checkpoints of one shape")
    means = {name: torch.stack([tensors[name].float() for tensors in weights]).mean(0) for name in shapes[0]}
    write_checkpoint(bases[0], folder, means)


def main(argv: list[str] | None = None) -> int:
    """Write the mean; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.average", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write the mean")
    parser.add_argument("checkpoints", nargs="+", help="the checkpoints, which have the same shape")
    options = parser.parse_args(argv)
    return exit_code_of(partial(average, options.folder, options.checkpoints))


if __name__ == "__main__":
    raise SystemExit(main())
