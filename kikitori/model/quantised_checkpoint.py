"""Checkpoints whose decoder has quantised matrices: made while loading, or written into a folder once.

Tensors are read one after another, so that memory holds only what is kept. Embeddings, which are also the output's
matrix, are bfloat16. So are encoder and norms where they are stored; in memory they may be float32.

A folder that `quantise_folder` wrote has the original's other files and `model-00001.safetensors`, `model-00002…`. In
place of `….self_attn.q_proj.weight` and the like, a layer has `….qkv.int8` and `….qkv.scales`. (The matrices are listed
in kikitori/model/decoder.py, what is stored of each in kikitori/model/quantised.py.) Each file's metadata say what it
was made from.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from kikitori.errors import CheckpointError, OutputError
from kikitori.model.decoder import MATRICES
from kikitori.model.finite import is_finite
from kikitori.model.operators import ALIGNED_BYTES, check_operators
from kikitori.model.quantised import FEW_ROWS, FORMATS, QuantisedMatrix
from kikitori.model.qwen import meta_model, read_config, with_processor
from kikitori.model.weights import FORMAT_KEY, check_weights, stored_format

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from kikitori.model.qwen import Qwen3ASRModel

LAYERS = "thinker.model.layers"
EMBEDDINGS, HEAD = "thinker.model.embed_tokens.weight", "thinker.lm_head.weight"
FILE_BYTES = 1 << 28
"""About how much is held until it is written to a file."""
OTHER_FILES = ("*.json", "*.txt", "*.jinja")
INDEX = "model.safetensors.index.json"
CODES = {torch.bfloat16: "BF16", torch.int8: "I8", torch.uint8: "U8"}
"""What safetensors files call the dtypes that are written."""

LayerTensors = dict[str, QuantisedMatrix]
"""A layer's matrices by the names of MATRICES."""


class Tensors:
    """The tensors of a folder's safetensors files, by name. Raises OSError or SafetensorError for a damaged file."""

    def __init__(self, folder: Path):
        from safetensors import safe_open

        self.folder = folder
        self._files: dict[str, Path] = {}
        self._mapped: dict[Path, Any] = {}
        for file in sorted(folder.glob("*.safetensors")):
            self._mapped[file] = safe_open(file, framework="pt")
            self._files |= dict.fromkeys(self._mapped[file].keys(), file)

    def names(self) -> list[str]:
        """Return all names."""
        return list(self._files)

    def get(
        self, name: str, is_kept: bool, shape: tuple[int, ...] | None = None, dtype: torch.dtype | None = None
    ) -> torch.Tensor:
        """Return a tensor as it is stored, in the file's memory. Raises CheckpointError if it is missing or broken.

        is_kept: it is not read once, but used as long as the model is. shape, dtype: what it must have; None for any.
        """
        from safetensors import safe_open

        if name not in self._files:
            raise CheckpointError(
                "weights_incomplete", folder=self.folder, missing=1, count=len(self._files) + 1, example=name
            )
        file = self._files[name]
        # What is read once has a mapping of its own: pages count as this process's memory until their mapping ends.
        tensor = (self._mapped[file] if is_kept else safe_open(file, framework="pt")).get_tensor(name)
        shape, dtype = tensor.shape if shape is None else shape, dtype or tensor.dtype
        if (tensor.shape, tensor.dtype) != (shape, dtype):
            found, needed = _in_words(tensor.shape, tensor.dtype), _in_words(shape, dtype)
            raise CheckpointError("weights_unfit", folder=self.folder, tensor=name, found=found, needed=needed)
        if tensor.is_floating_point() and not is_finite(tensor):
            raise CheckpointError("weights_not_finite", folder=self.folder, tensor=name)
        return tensor


def _in_words(shape: tuple[int, ...], dtype: torch.dtype) -> str:
    return f"{str(dtype).removeprefix('torch.')} {' × '.join(map(str, shape))}"


def load_quantised(
    folder: Path, weights: str, dtype: torch.dtype, device: str = "cpu"
) -> tuple[Qwen3ASRModel, list[LayerTensors]]:
    """Load a model without its decoder's matrices, and those, quantised.

    weights: one of FORMATS. dtype: bfloat16 or float32, in which the model computes. Raises CheckpointError if torch,
    the device, or the folder's own format does not fit.
    """
    if dtype not in FEW_ROWS:
        raise CheckpointError("weights_dtype", weights=weights, dtype=dtype)
    _check_format(folder, weights, device)
    config = read_config(folder)
    tensors = Tensors(folder)
    model = meta_model(config)
    # First the matrices: while they are made, nothing else takes memory.
    layers = model.thinker.model.layers
    matrices = [_layer(tensors, number, layer, weights) for number, layer in enumerate(layers)]
    for layer in layers:
        _drop_projections(layer)
    _assign(model, tensors, dtype)
    return with_processor(model, folder), matrices


def quantise_folder(folder: Path, out: Path, weights: str, made_by: str) -> None:
    """Write a checkpoint with quantised weights into a new folder, which is complete or does not exist.

    weights: one of FORMATS. made_by: name and version of the program, for the metadata.
    Raises CheckpointError as `load_quantised` does, and OutputError if the folder exists or can't be written.
    """
    _check_new(out)
    check_weights(folder)
    if stored := stored_format(folder):
        raise CheckpointError("weights_quantised", folder=folder, stored=stored)
    _check_format(folder, weights, "cpu")
    config = read_config(folder)
    unfinished = out.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        unfinished.mkdir(parents=True)
        for file in [file for pattern in OTHER_FILES for file in folder.glob(pattern)]:
            if file.name != INDEX:
                shutil.copyfile(file, unfinished / file.name)
        write_tensors(_stored(Tensors(folder), config, weights), unfinished, _origin(folder, weights, made_by))
        unfinished.rename(out)
    except OSError as error:
        raise OutputError.from_os_error(out, error) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_new(out: Path) -> None:
    """Raise OutputError if a path exists, also as a link to nowhere, or can't exist."""
    try:
        out.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError.from_os_error(out, error) from error
    raise OutputError("folder_exists", path=out)


def _check_format(folder: Path, weights: str, device: str) -> None:
    stored = stored_format(folder)
    if weights not in FORMATS:
        raise CheckpointError("unknown_weights", weights=repr(weights), choices=" or ".join(FORMATS))
    if stored and stored != weights:
        raise CheckpointError("weights_mismatch", folder=folder, stored=stored, weights=weights)
    check_operators(weights, device)


def _layer(tensors: Tensors, number: int, layer: torch.nn.Module, chosen: str) -> LayerTensors:
    """Return a layer's matrices, from a quantised folder or quantised now.

    layer: on the meta device, with projections of the shapes that are needed. chosen: one of FORMATS.
    """
    kind, prefix, stored = FORMATS[chosen], f"{LAYERS}.{number}", bool(stored_format(tensors.folder))
    made: LayerTensors = {}
    for name, parts in MATRICES.items():
        shapes = {part: tuple(layer.get_submodule(part).weight.shape) for part in parts}
        if stored:
            forms = kind.stored(sum(outputs for outputs, _ in shapes.values()), shapes[parts[0]][1])
            keys = {key: f"{prefix}.{name}.{key}" for key in forms}
            made[name] = kind.from_tensors(
                {key: tensors.get(keys[key], kind.shares_memory, *form) for key, form in forms.items()}
            )
        else:
            weights = [tensors.get(f"{prefix}.{part}.weight", False, shape) for part, shape in shapes.items()]
            made[name] = kind.quantise(torch.cat(weights))
    return made


def _is_matrix(name: str) -> bool:
    """Whether a tensor, of an original or a quantised checkpoint, belongs to a matrix of the decoder."""
    if not name.startswith(LAYERS):
        return False
    part = name.removeprefix(LAYERS).split(".", 2)[2].rpartition(".")[0]
    return part in MATRICES or any(part in parts for parts in MATRICES.values())


def _drop_projections(layer: torch.nn.Module) -> None:
    for parts in MATRICES.values():
        for part in parts:
            parent, _, name = part.rpartition(".")
            delattr(layer.get_submodule(parent), name)


def _assign(model: torch.nn.Module, tensors: Tensors, dtype: torch.dtype) -> None:
    """Give a model on the meta device everything but the decoder's matrices. Raises CheckpointError if some lacks."""
    others = {}
    for name in tensors.names():
        if not _is_matrix(name):
            # These are the largest tensors. As bfloat16, they take half the memory.
            held = torch.bfloat16 if name in (EMBEDDINGS, HEAD) else dtype
            others[name] = tensors.get(name, held == torch.bfloat16).to(held)
    if model.config.thinker_config.text_config.tie_word_embeddings:
        others[HEAD] = others.get(EMBEDDINGS)
    expected = model.state_dict()
    if missing := sorted(expected.keys() - others.keys()):
        raise CheckpointError(
            "weights_incomplete", folder=tensors.folder, missing=len(missing), count=len(expected), example=missing[0]
        )
    model.load_state_dict(others, strict=False, assign=True)


def _stored(tensors: Tensors, config: PretrainedConfig, weights: str) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield what a quantised folder holds."""
    for number, layer in enumerate(meta_model(config).thinker.model.layers):
        for name, matrix in _layer(tensors, number, layer, weights).items():
            for key, tensor in matrix.tensors().items():
                yield f"{LAYERS}.{number}.{name}.{key}", tensor
    tied = config.thinker_config.text_config.tie_word_embeddings
    for name in tensors.names():
        if not _is_matrix(name) and not (tied and name == HEAD):
            yield name, tensors.get(name, False).bfloat16()


def write_tensors(stored: Iterator[tuple[str, torch.Tensor]], folder: Path, metadata: dict[str, str]) -> None:
    """Write tensors into files of about FILE_BYTES, and an index of them."""
    held: dict[str, torch.Tensor] = {}
    places: dict[str, str] = {}

    def flush() -> None:
        file = f"model-{len(set(places.values())) + 1:05}.safetensors"
        _write_file(folder / file, held, metadata)
        places.update(dict.fromkeys(held, file))
        held.clear()

    for name, tensor in stored:
        held[name] = tensor.contiguous()
        if sum(tensor.nbytes for tensor in held.values()) >= FILE_BYTES:
            flush()
    if held:
        flush()
    (folder / INDEX).write_text(json.dumps({"metadata": metadata, "weight_map": places}, indent=1), encoding="utf-8")


def _write_file(file: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whose tensors can be used where they are, if each has a multiple of ALIGNED_BYTES.

    The library's `save_file` aligns less, and reports a full disk as text.
    """
    header: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": CODES[tensor.dtype], "shape": tensor.shape, "data_offsets": (start, end)}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-(8 + len(encoded)) % ALIGNED_BYTES)
    with file.open("wb") as written:
        written.write(len(encoded).to_bytes(8, "little") + encoded)
        for tensor in tensors.values():
            written.write(tensor.flatten().view(torch.uint8).numpy())


def _origin(folder: Path, weights: str, made_by: str) -> Mapping[str, str]:
    """Return the metadata of quantised files: their format, and what they were made from, by which version."""
    files = sorted(folder.glob("*.safetensors"))
    source = {file.name: {"bytes": file.stat().st_size, "sha256": _sha256(file)} for file in files}
    return {
        "format": "pt",
        FORMAT_KEY: weights,
        "made_from": folder.resolve().name,
        "made_from_files": json.dumps(source),
        "made_by": made_by,
    }


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as data:
        while block := data.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
