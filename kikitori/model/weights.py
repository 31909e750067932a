"""A checkpoint's weights on disk: safetensors files, whole, and all of the model's."""

from __future__ import annotations

import json
from pathlib import Path

from kikitori.errors import CheckpointError

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
"""Suffixes of weights whose reading can run code."""


def check_weights(folder: Path) -> None:
    """Raise CheckpointError unless the weights are safetensors files, none missing and each as long as it says.

    What is changed inside a file of the right length can't be seen without its checksum.
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
    for name in sorted(files):
        try:
            with safe_open(folder / name, framework="numpy"):
                pass
        except (OSError, SafetensorError) as error:
            raise CheckpointError("weights_damaged", file=folder / name, why=error) from error


def check_all_loaded(model, folder: Path) -> None:
    """Raise CheckpointError where a loaded torch module has weights that the files lack: they would be random.

    Says nothing about a checkpoint with other names than the module's; transformers knows how to rename them.
    """
    from safetensors import safe_open

    stored: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as tensors:
            stored.update(tensors.keys())
    weights = model.state_dict()
    if stored - weights.keys():
        return
    places = {weights[name].data_ptr() for name in stored}  # a weight that is tied to another is stored once
    missing = [name for name, weight in weights.items() if name not in stored and weight.data_ptr() not in places]
    if missing:
        raise CheckpointError(
            "weights_incomplete", folder=folder, missing=len(missing), count=len(weights), example=missing[0]
        )


def identify_weights(folder: Path) -> list[list]:
    """What tells a checkpoint's weights from others without reading them: name, bytes, time of change of each file."""
    stats = [(file.name, file.stat()) for file in sorted(folder.glob("*.safetensors"))]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def _indexed(folder: Path) -> set[str]:
    """The files that the index of a checkpoint in several parts names."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return set()
    try:
        return set(json.loads(index.read_bytes())["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError("weights_damaged", file=index, why=error) from error
