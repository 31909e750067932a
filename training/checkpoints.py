"""Trained weights -> a checkpoint folder that loads as its base does."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from kikitori.errors import CheckpointError
from kikitori.model.checkpoints import checkpoint_folder
from kikitori.model.weights import check_weights
from kikitori.tasks import TINY, Checkpoint

COPIED = (".json", ".jinja", ".txt")


def choose_base(name: str, output: Path) -> Path:
    """The folder of a base: `tiny`'s, itself, or the hub's of that name, fetched. Raises CheckpointError.

    output: where the result will be written, which can't be the base.
    """
    folder = Path(name).expanduser()
    local = TINY if name == "tiny" else Checkpoint(folder=folder) if folder.is_dir() else None
    try:
        base = checkpoint_folder(local or Checkpoint(name))
        check_weights(base)
    except CheckpointError as error:  # its remedies name the option of those who only listen
        raise CheckpointError(str(error).replace("--checkpoint", "--base")) from error
    if output.resolve() == base.resolve():
        raise CheckpointError(f"--output_dir {output} is the base itself: choose another folder")
    return base


def write_checkpoint(base: Path, folder: Path, changed: Mapping[str, torch.Tensor]) -> None:
    """Write the base's folder again, with other weights under the names of `changed`.

    Tensors keep the dtype that they have in the base, and those that are not in `changed` their bits.
    """
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    for file in base.iterdir():
        if file.suffix in COPIED:
            shutil.copyfile(file, folder / file.name)
        elif file.suffix == ".safetensors":
            tensors = load_file(file)
            for name in tensors.keys() & changed.keys():
                tensors[name] = changed[name].detach().to("cpu", tensors[name].dtype).contiguous()
            save_file(tensors, folder / file.name, metadata={"format": "pt"})
            (folder / file.name).chmod(0o644)  # safetensors leaves it readable by its owner alone
