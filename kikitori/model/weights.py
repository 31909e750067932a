"""Checks of a checkpoint's weights: safetensors files only, undamaged, and all that the model needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kikitori.errors import CheckpointError
from kikitori.tasks import FORMATS

if TYPE_CHECKING:
    import torch

FORMAT_KEY = "kikitori_weights"  # in the metadata of quantised weights
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")  # reading such a file can run code


def check_weights(folder: Path) -> None:
    """Raise CheckpointError unless all weights are there, as safetensors files of the length that they state.

    Quantised weights must be marked as such: without their format, random ones would be loaded in their place.
    Not covered: bytes that were changed inside a file; that needs a checksum.
    """
    from safetensors import SafetensorError, safe_open

    files = {file.name for file in folder.glob("*.safetensors")}
    if not files:
        pickled = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLED)
        if pickled:
            raise CheckpointError("pickled_weights", folder=folder, file=pickled[0])
        raise CheckpointError("no_weights", folder=folder)
    if missing := sorted(_indexed(folder) - files):
        raise CheckpointError("weights_missing", file=folder / missing[0])
    names: set[str] = set()
    for name in sorted(files):
        try:
            with safe_open(folder / name, framework="numpy") as tensors:
                names.update(tensors.keys())
        except (OSError, SafetensorError) as error:
            raise CheckpointError("weights_damaged", file=folder / name, why=error) from error
    # A matrix's numbers are stored under the name of their format.
    found = {name.rpartition(".")[2] for name in names} & set(FORMATS)
    if unmarked := found - {stored_format(folder)}:
        raise CheckpointError("weights_unmarked", folder=folder, stored=min(unmarked))


def check_all_loaded(model: torch.nn.Module, folder: Path) -> None:
    """Raise CheckpointError if a loaded model has weights that the files lack; those would be random.

    A checkpoint with other names than the model's passes, because transformers renames them.
    """
    from safetensors import safe_open

    stored: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as tensors:
            stored.update(tensors.keys())
    weights = model.state_dict()
    if stored - weights.keys():
        return
    places = {weights[name].data_ptr() for name in stored}  # two weights that share memory are stored once
    missing = [name for name, weight in weights.items() if name not in stored and weight.data_ptr() not in places]
    if missing:
        raise CheckpointError(
            "weights_incomplete", folder=folder, missing=len(missing), count=len(weights), example=missing[0]
        )


def stored_format(folder: Path) -> str:
    """Return the format in which `kikitori quantise` wrote a folder's weights; empty if it did not write them.

    A folder that can't be read has none: `check_weights` says what is wrong with it.
    """
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors"))[:1]:
        try:
            with safe_open(file, framework="numpy") as tensors:
                return (tensors.metadata() or {}).get(FORMAT_KEY, "")
        except (OSError, SafetensorError):
            pass
    return ""


def identify_weights(folder: Path) -> list[list]:
    """Return what identifies a checkpoint's weights without reading them: each file's name, bytes and mtime in ns."""
    stats = [(file.name, file.stat()) for file in sorted(folder.glob("*.safetensors"))]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _indexed(folder: Path) -> set[str]:
    """Return the files named in the index of a checkpoint that has several."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return set()
    try:
        return set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError("weights_damaged", file=index, why=error) from error
