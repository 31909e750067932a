"""Loading a `qwen_asr.Qwen3ASRModel`, and its prompt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kikitori.errors import CheckpointError
from kikitori.model.qwen_imports import import_backend, import_qwen_asr
from kikitori.model.weights import check_all_loaded
from kikitori.strings import displayed

if TYPE_CHECKING:
    import torch
    from qwen_asr import Qwen3ASRModel, Qwen3ForcedAligner
    from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

MODEL_TYPE, ALIGNER_TYPE = "qwen3_asr", "qwen3_forced_aligner"
"""In config.json. There, an aligner is a qwen3_asr whose thinker is a qwen3_forced_aligner."""


def load_qwen_model(path: str, dtype: torch.dtype | None = None, device: str = "cpu") -> Qwen3ASRModel:
    """Load a checkpoint folder as its model card shows.

    dtype: None for float32. Raises CheckpointError as `load_on_device` does, and OSError, ValueError or
    SafetensorError if the folder is not a checkpoint.
    """
    return load_on_device(import_qwen_asr().Qwen3ASRModel, MODEL_TYPE, path, dtype, device)


def load_on_device(
    kind: type[Qwen3ASRModel] | type[Qwen3ForcedAligner],
    expected: str,
    path: str,
    dtype: torch.dtype | None,
    device: str,
) -> Qwen3ASRModel | Qwen3ForcedAligner:
    """Load one of qwen_asr's classes from a folder onto a device, on ZeroGPU too.

    expected: the type of model, as `read_config` takes it. dtype: None for float32. Only safetensors files are read,
    and no code that comes with a checkpoint is run. Raises CheckpointError for another type of model, and for weights
    that are missing or not finite.
    """
    import torch

    from kikitori.model.finite import check_finite_weights

    read_config(Path(path), expected)
    # On ZeroGPU there is no device at start-up; `.to("cuda")` marks weights that are moved to it later.
    on_zero_gpu = bool(os.environ.get("SPACES_ZERO_GPU"))
    loaded = kind.from_pretrained(
        path,
        dtype=dtype or torch.float32,
        device_map="cpu" if on_zero_gpu else device,
        use_safetensors=True,
        trust_remote_code=False,
    )
    check_all_loaded(loaded.model, Path(path))
    check_finite_weights(loaded.model, Path(path))
    if on_zero_gpu:
        loaded.model.to(device)
    return loaded


def read_config(folder: Path, expected: str = MODEL_TYPE) -> PretrainedConfig:
    """Return the configuration of a checkpoint folder.

    expected: MODEL_TYPE or ALIGNER_TYPE. Raises CheckpointError for another type of model; OSError, KeyError, TypeError
    or AttributeError if the file is damaged.
    """
    kind = import_backend().Qwen3ASRConfig
    config, _ = kind.get_config_dict(folder)
    found = config.get("model_type")
    if found == MODEL_TYPE and config["thinker_config"].get("model_type") == ALIGNER_TYPE:
        found = ALIGNER_TYPE
    if found != expected:
        raise CheckpointError("wrong_model_type", folder=folder, type=displayed(str(found)), expected=expected)
    return kind.from_dict(config)


def with_processor(model: Qwen3ASRForConditionalGeneration, folder: Path) -> Qwen3ASRModel:
    """Return a model with the tokenizer and the settings for features of a checkpoint folder."""
    processor = import_backend().Qwen3ASRProcessor.from_pretrained(folder, fix_mistral_regex=True)
    return import_qwen_asr().Qwen3ASRModel(backend="transformers", model=model, processor=processor)


def meta_model(config: PretrainedConfig) -> Qwen3ASRForConditionalGeneration:
    """Return a model without memory for its weights, which are on the meta device.

    What checkpoints do not store is computed: two tables of positions.
    """
    kind = import_backend().Qwen3ASRForConditionalGeneration
    from accelerate import init_empty_weights
    from transformers.modeling_utils import no_init_weights

    with init_empty_weights(include_buffers=False), no_init_weights():
        model = kind(config).eval()
    model.thinker.tie_weights()
    return model


def end_token_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the ids that end a text.

    `generate()` assumes those of the 1.7B checkpoint's vocabulary; a smaller vocabulary has others.
    """
    return tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])


def build_prompt(model: Qwen3ASRModel, language: str | None, context: str = "") -> str:
    """Return the prompt of `Qwen3ASRModel.transcribe` (qwen-asr 0.0.6, inference/qwen3_asr.py), with one audio token.

    language: forces the language of the output; with None the model begins with `language X<asr_text>`.
    context: the system turn.
    """
    return model._build_text_prompt(context=context, force_language=language)
