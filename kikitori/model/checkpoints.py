"""Checkpoints: where their weights come from, and what they are loaded on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kikitori.errors import CheckpointError
from kikitori.model.weights import check_weights
from kikitori.tasks import Checkpoint

_LOADED: dict[tuple, Any] = {}
_LOADING = threading.Lock()


def choose_device(device: str | None = None) -> str:
    """`cuda:0` where torch has a CUDA device, else `cpu`; what is asked for comes first."""
    import torch

    if device is None:
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise CheckpointError("unknown_device", device=repr(device)) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise CheckpointError("no_cuda", device=device)
    return device


def choose_dtype(device: str):
    """bfloat16, as the cards have it, on CUDA and on processors that compute it natively; else float32.

    Returns a torch dtype.
    """
    import torch

    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if device.startswith("cuda") or native else torch.float32


def load_once(checkpoint: Checkpoint, device: str, dtype, load: Callable):
    """What `load(folder, dtype, device)` makes of a checkpoint, loaded once and kept. Raises CheckpointError."""
    key = (checkpoint, device, dtype)
    with _LOADING:
        if key not in _LOADED:
            _LOADED[key] = _load(checkpoint, device, dtype, load)
        return _LOADED[key]


def _load(checkpoint: Checkpoint, device: str, dtype, load: Callable):
    folder = checkpoint_folder(checkpoint)
    check_weights(folder)
    try:
        return load(str(folder), dtype, device)
    except CheckpointError:
        raise
    except Exception as error:  # tokenizers raises just that, and transformers whatever it stumbles over
        raise CheckpointError(
            "checkpoint_unloadable", name=checkpoint.name, folder=folder, why=_first_line(error)
        ) from error


def checkpoint_folder(checkpoint: Checkpoint) -> Path:
    """The folder that holds a checkpoint's files, fetched from the hub into its cache where need be.

    The whole snapshot is taken at one revision, because `Qwen3ASRModel.from_pretrained` passes a revision on to the
    weights but not to the processor. Only JSON, text and safetensors files are taken. Raises CheckpointError.
    """
    if checkpoint.folder is not None:
        if not (checkpoint.folder / "config.json").is_file():
            code = "checkpoint_without_config" if checkpoint.folder.is_dir() else "checkpoint_missing"
            raise CheckpointError(code, folder=checkpoint.folder)
        return checkpoint.folder
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    from requests import RequestException

    try:
        return Path(
            snapshot_download(
                checkpoint.repo_id,
                revision=checkpoint.revision,
                allow_patterns=["*.json", "*.txt", "*.jinja", "*.safetensors"],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RequestException, OSError) as error:
        raise CheckpointError(
            "checkpoint_unreachable",
            repository=checkpoint.repo_id,
            revision=checkpoint.revision,
            why=type(error).__name__,
        ) from error


def check_speaker_tokens(tokenizer, name: str) -> None:
    """Raise CheckpointError unless `<|spk_0|>` and `<|spk_1|>` are tokens that decoding keeps.

    qwen-asr decodes with `skip_special_tokens=True`: a special speaker token would vanish from every transcript.
    """
    added = tokenizer.get_added_vocab()
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    for tag in ("<|spk_0|>", "<|spk_1|>"):
        if tag not in added or tag in special:
            code = "no_speaker_token" if tag not in added else "special_speaker_token"
            raise CheckpointError(code, name=name, tag=tag)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
