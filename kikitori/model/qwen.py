"""The stock qwen-asr model: loading it, and its own `generate()`, which tests compare `speech.decoding` with."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np

from kikitori.errors import CheckpointError
from kikitori.model.weights import check_all_loaded

MODEL_TYPE = "qwen3_asr"
"""In a config.json; the forced aligner's as well."""

_ONE_AT_A_TIME = threading.Lock()
"""The stock model keeps `rope_deltas` between steps, so two threads on one model would mix up their positions."""


def load_qwen_model(path: str, dtype=None, device: str = "cpu"):
    """Load a checkpoint folder as its model card shows; returns a `qwen_asr.Qwen3ASRModel`.

    dtype: a torch dtype, or None for float32. Raises OSError, ValueError or SafetensorError where the folder is not a
    checkpoint.
    """
    from qwen_asr import Qwen3ASRModel

    return load_on_device(Qwen3ASRModel, path, dtype, device)


def load_on_device(stock: type, path: str, dtype, device: str):
    """Load one of qwen_asr's classes from a folder, on `device`, ZeroGPU's included; a dtype of None is float32.

    Weights are read from safetensors files only, and no code that comes with them is run. Raises CheckpointError for
    another kind of model, and for one without all of its weights.
    """
    import torch

    # ZeroGPU packs what `.to("cuda")` moves at start-up, when there is no device to load on to yet.
    on_zero_gpu = bool(os.environ.get("SPACES_ZERO_GPU"))
    loaded = stock.from_pretrained(
        path,
        dtype=dtype or torch.float32,
        device_map="cpu" if on_zero_gpu else device,
        use_safetensors=True,
        trust_remote_code=False,
    )
    if loaded.model.config.model_type != MODEL_TYPE:
        raise CheckpointError("wrong_model_type", folder=path, type=loaded.model.config.model_type, expected=MODEL_TYPE)
    check_all_loaded(loaded.model, Path(path))
    if on_zero_gpu:
        loaded.model.to(device)
    return loaded


def end_token_ids(tokenizer) -> list[int]:
    """The ids that end a text. `generate()` assumes the 1.7B vocabulary's; a smaller vocabulary has its own."""
    return tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])


def build_prompt(model, language: str | None) -> str:
    """The prompt of `Qwen3ASRModel.transcribe` (qwen-asr 0.0.6, inference/qwen3_asr.py), with one audio token.

    language: forces the language of the output; None lets the model begin with `language X<asr_text>`.
    """
    return model._build_text_prompt(context="", force_language=language)


def generate_with_qwen(
    model, waveform: np.ndarray, language: str | None, max_tokens: int, ends_itself: bool = True
) -> list[int]:
    """What the stock model writes for one clip, greedily: ids, the one that ends the text included.

    model: from `load_qwen_model`. waveform: float32 mono 16 kHz, (samples,). ends_itself: else it writes all of
    `max_tokens`.
    """
    inputs = model.processor(text=[build_prompt(model, language)], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(model.model.device).to(model.model.dtype)
    end_ids = end_token_ids(model.processor.tokenizer)
    with _ONE_AT_A_TIME:
        sequences = model.model.generate(
            **inputs, max_new_tokens=max_tokens, eos_token_id=end_ids if ends_itself else -1, pad_token_id=end_ids[-1]
        ).sequences
    return sequences[0, inputs["input_ids"].shape[1] :].tolist()
