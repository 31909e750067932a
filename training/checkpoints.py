"""Finds the checkpoint that a training starts from, and writes the trained one in the same form."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from kikitori.errors import CheckpointError
from kikitori.model.checkpoints import checkpoint_folder
from kikitori.model.weights import check_weights
from kikitori.tasks import TINY, Checkpoint

COPIED_SUFFIXES = (".json", ".jinja", ".txt")


def choose_base(name: str, output: Path) -> Path:
    """Return the folder of the checkpoint to start from, downloaded if necessary. Raises CheckpointError.

    name: `tiny`, a folder, or a repository on the hub. output: the folder of the result, which can't be the base.
    """
    folder = Path(name).expanduser()
    local = TINY if name == "tiny" else Checkpoint(folder=folder) if folder.is_dir() else None
    try:
        base = checkpoint_folder(local or Checkpoint(name))
        check_weights(base)
    except CheckpointError as error:  # its sentence names the option of the transcription command
        raise CheckpointError(str(error).replace("--checkpoint", "--base")) from error
    if output.resolve() == base.resolve():
        raise CheckpointError(f"--output_dir {output} is the base itself: choose another folder")
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
