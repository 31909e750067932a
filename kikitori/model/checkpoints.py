"""Finding a checkpoint's files and loading them onto a device, once per process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kikitori.errors import CheckpointError, SpeechError
from kikitori.model.qwen_imports import import_qwen_asr
from kikitori.model.weights import check_weights, stored_format
from kikitori.tasks import Checkpoint

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

Loaded = TypeVar("Loaded")

SMALL_WEIGHTS_BYTES = 32 << 20

# What `load_once` keeps, by checkpoint, device and dtype.
_LOADED: dict[tuple, Any] = {}
_LOCKS: dict[tuple, threading.Lock] = {}
_LOCKS_LOCK = threading.Lock()
# transformers changes torch's default dtype and patches torch.nn.init while it builds a model.
_BUILD_LOCK = threading.Lock()


def choose_device(device: str | None = None) -> str:
    """Return the given torch device; by default `cuda:0` if torch has a CUDA device, else `cpu`.

    Raises CheckpointError for a device that torch does not know or have.
    """
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


def choose_dtype(device: str, checkpoint: Checkpoint) -> torch.dtype:
    """Return the dtype to compute in: bfloat16, the checkpoints' own, or float32.

    On CUDA it is bfloat16. On a CPU it is float32, unless the CPU computes bfloat16 natively and the weights are
    quantised or too large for its cache, so that reading them takes most of the time.
    """
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.float32
    is_quantised = checkpoint.weights or (checkpoint.folder and stored_format(checkpoint.folder))
    return torch.bfloat16 if is_quantised or not _is_small(checkpoint) else torch.float32


def _is_small(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint's weights fit into a processor's cache, as the embedded ones do."""
    if checkpoint.folder is None:
        return False
    files = checkpoint.folder.glob("*.safetensors")
    return sum(file.stat().st_size for file in files if file.is_file()) <= SMALL_WEIGHTS_BYTES


def load_once(
    checkpoint: Checkpoint, device: str, dtype: torch.dtype, load: Callable[[str, torch.dtype, str], Loaded]
) -> Loaded:
    """Return `load(folder, dtype, device)` of a checkpoint. It is loaded once and kept. Raises CheckpointError.

    A loaded checkpoint is returned at once while others are being fetched or loaded.
    """
    key = (checkpoint, device, dtype)
    if key in _LOADED:
        return _LOADED[key]
    with _LOCKS_LOCK:
        lock = _LOCKS.setdefault(key, threading.Lock())
    with lock:
        if key not in _LOADED:
            _LOADED[key] = _load(checkpoint, device, dtype, load)
        return _LOADED[key]


def is_loaded(checkpoint: Checkpoint) -> bool:
    """Whether `load_once` has loaded a checkpoint onto any device, so that nobody waits for it."""
    return any(known == checkpoint for known, *_ in list(_LOADED))


def _load(
    checkpoint: Checkpoint, device: str, dtype: torch.dtype, load: Callable[[str, torch.dtype, str], Loaded]
) -> Loaded:
    folder = checkpoint_folder(checkpoint)
    check_weights(folder)
    with damage_named(checkpoint, folder), _BUILD_LOCK:
        return load(str(folder), dtype, device)


@contextmanager
def damage_named(checkpoint: Checkpoint, folder: Path) -> Iterator[None]:
    """Raise CheckpointError for whatever the libraries raise when a checkpoint's files are damaged."""
    try:
        yield
    except SpeechError:
        raise
    except Exception as error:  # tokenizers raises Exception itself, transformers whatever a damaged file leads to
        raise CheckpointError(
            "checkpoint_unloadable", name=checkpoint.name, folder=folder, why=_first_line(error)
        ) from error


def checkpoint_folder(checkpoint: Checkpoint) -> Path:
    """Return the folder of a checkpoint's files, fetched from the hub into its cache if necessary.

    JSON, text and safetensors files are fetched, all at one revision: `Qwen3ASRModel.from_pretrained` passes a
    revision on to the weights but not to the processor. Raises CheckpointError.
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


@cache
def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """Load the tokenizer alone, without the weights. Raises CheckpointError."""
    import_qwen_asr()  # with less of transformers than that imports of its own accord
    from transformers import AutoTokenizer

    place = checkpoint.folder or checkpoint.repo_id
    try:
        return AutoTokenizer.from_pretrained(place, revision=checkpoint.revision, fix_mistral_regex=True)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            "checkpoint_unloadable", name=checkpoint.name, folder=place, why=_first_line(error)
        ) from error


def check_speaker_tokens(tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """Raise CheckpointError unless `<|spk_0|>` and `<|spk_1|>` are tokens that decoding keeps.

    qwen-asr decodes with `skip_special_tokens=True`, which would drop a special speaker token from every transcript.
    """
    added = tokenizer.get_added_vocab()
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    for tag in ("<|spk_0|>", "<|spk_1|>"):
        if tag not in added or tag in special:
            code = "no_speaker_token" if tag not in added else "special_speaker_token"
            raise CheckpointError(code, name=name, tag=tag)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
