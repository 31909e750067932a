"""Checkpoints: where their weights come from, and what they are loaded on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kikitori.errors import CheckpointError
from kikitori.model.weights import REMEDY, check_weights
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
        raise CheckpointError(f"{device!r} is not a device: use cpu, cuda or cuda:0") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise CheckpointError(f"torch finds no CUDA device for --device {device}: use --device cpu")
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
            f"{checkpoint.name} ({folder}) could not be loaded as a Qwen3-ASR checkpoint: "
            f"{_first_line(error)}; {REMEDY}"
        ) from error


def checkpoint_folder(checkpoint: Checkpoint) -> Path:
    """The folder that holds a checkpoint's files, fetched from the hub into its cache where need be.

    The whole snapshot is taken at one revision, because `Qwen3ASRModel.from_pretrained` passes a revision on to the
    weights but not to the processor. Only JSON, text and safetensors files are taken. Raises CheckpointError.
    """
    if checkpoint.folder is not None:
        if not (checkpoint.folder / "config.json").is_file():
            state = "is not a checkpoint folder (it has no config.json)"
            raise CheckpointError(
                f"{checkpoint.folder} {state if checkpoint.folder.is_dir() else 'does not exist'}: "
                "give the folder that holds config.json and *.safetensors, or use --checkpoint tiny"
            )
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
            f"{checkpoint.repo_id} (revision {checkpoint.revision}) is neither in this machine's Hugging Face cache "
            f"nor to be had from the hub ({type(error).__name__}): log in with `hf auth login` if it asks for it, "
            f"fetch it with `hf download {checkpoint.repo_id} --revision {checkpoint.revision}`, "
            "give its folder with --checkpoint FOLDER, or try the small embedded model with --checkpoint tiny"
        ) from error


def check_speaker_tokens(tokenizer, name: str) -> None:
    """Raise CheckpointError unless `<|spk_0|>` and `<|spk_1|>` are tokens that decoding keeps.

    qwen-asr decodes with `skip_special_tokens=True`: a special speaker token would vanish from every transcript.
    """
    added = tokenizer.get_added_vocab()
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    for tag in ("<|spk_0|>", "<|spk_1|>"):
        if tag not in added or tag in special:
            state = "has no token" if tag not in added else "registers as special the token"
            raise CheckpointError(
                f"{name} {state} {tag}, so it can't mark speakers: use okadahiroaki/Qwen3asr_diarization_projembed "
                "or --checkpoint tiny for --direction diarize"
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
