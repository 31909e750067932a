"""Finds the checkpoint that a training starts from, and writes the trained one in the same form."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from evaluation.errors import ToolError
from kikitori.model.checkpoints import checkpoint_folder
from kikitori.model.weights import check_weights
from kikitori.tasks import TINY, Checkpoint

COPIED_SUFFIXES = (".json", ".jinja", ".txt")


class BaseError(ToolError):
    """A checkpoint that a training can't start from."""


def choose_base(name: str, output: Path) -> Path:
    """Return the folder of the checkpoint to start from, downloaded if necessary.

    name: `tiny`, a folder, or a repository on the hub. output: the folder of the result.
    Raises CheckpointError if the checkpoint can't be used, and BaseError if `output` is its folder.
    """
    folder = Path(name).expanduser()
    local = TINY if name == "tiny" else Checkpoint(folder=folder) if folder.is_dir() else None
    base = checkpoint_folder(local or Checkpoint(name))
    check_weights(base)
    if output.resolve() == base.resolve():
        raise BaseError(f"--output_dir {output} is the base itself: choose another folder")
    return base


def write_checkpoint(base: Path, folder: Path, changed: Mapping[str, torch.Tensor]) -> None:
    """Write a copy of the base's folder in which the tensors in `changed` are replaced.

    Replaced tensors are converted to the dtype of the base's. All others are copied bit for bit.
    """
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    for file in base.iterdir():
        if file.suffix in COPIED_SUFFIXES:
            shutil.copyfile(file, folder / file.name)
        elif file.suffix == ".safetensors":
            tensors = load_file(file)
            for name in tensors.keys() & changed.keys():
                tensors[name] = changed[name].detach().to("cpu", tensors[name].dtype).contiguous()
            save_file(tensors, folder / file.name, metadata={"format": "pt"})
            (folder / file.name).chmod(0o644)  # safetensors makes it readable by its owner only
