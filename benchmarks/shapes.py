"""Models of the real checkpoints' shapes with random weights, for machines that can't reach the hub.

The sizes are those of Qwen3-ASR-1.7B and 0.6B, cross-checked against public ports. The tokenizer is the tiny
checkpoint's, because the real one is on the hub only; the vocabulary has the real number of rows.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from kikitori.model import qwen
from kikitori.model.qwen_imports import import_backend
from kikitori.tasks import TINY

if TYPE_CHECKING:
    from qwen_asr import Qwen3ASRModel
    from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration

_SHARED_TEXT = {
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "max_position_embeddings": 65536,
    "rope_theta": 1000000,
    "rope_scaling": {
        "rope_type": "default",
        "type": "default",
        "mrope_section": [24, 20, 20],
        "interleaved": True,
        "mrope_interleaved": True,
    },
}
SHAPES = {
    "1.7b": {
        "audio_config": {
            "d_model": 1024,
            "encoder_layers": 24,
            "num_hidden_layers": 24,
            "encoder_attention_heads": 16,
            "encoder_ffn_dim": 4096,
            "downsample_hidden_size": 480,
            "output_dim": 2048,
        },
        "text_config": _SHARED_TEXT | {"hidden_size": 2048, "intermediate_size": 6144},
    },
    "0.6b": {
        "audio_config": {
            "d_model": 896,
            "encoder_layers": 18,
            "num_hidden_layers": 18,
            "encoder_attention_heads": 14,
            "encoder_ffn_dim": 3584,
            "downsample_hidden_size": 480,
            "output_dim": 1024,
        },
        "text_config": _SHARED_TEXT | {"hidden_size": 1024, "intermediate_size": 3072},
    },
}


def shape_config(shape: str, layers: int | None = None) -> dict:
    """Return the tiny checkpoint's config.json with the sizes of a real shape, a key of SHAPES.

    layers: how many layers the encoder and the decoder have; None for all.
    """
    config = json.loads((TINY.folder / "config.json").read_text())
    for part, sizes in SHAPES[shape].items():
        config["thinker_config"][part] |= sizes
    if layers:
        config["thinker_config"]["audio_config"] |= {"encoder_layers": layers, "num_hidden_layers": layers}
        config["thinker_config"]["text_config"]["num_hidden_layers"] = layers
    return config


def meta_model(shape: str, layers: int | None = None) -> Qwen3ASRForConditionalGeneration:
    """Return a model of `shape_config` without memory for its weights."""
    return qwen.meta_model(import_backend().Qwen3ASRConfig(**shape_config(shape, layers)))


def random_qwen_model(shape: str, dtype: torch.dtype, device: str, layers: int | None = None) -> Qwen3ASRModel:
    """Return a model of `shape_config` with small random weights and the tiny checkpoint's processor."""
    model = meta_model(shape, layers)._apply(
        lambda tensor: torch.empty_like(tensor, dtype=dtype, device=device) if tensor.is_meta else tensor.to(device)
    )
    model.thinker.tie_weights()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.02, 0.02)
    return qwen.with_processor(model, TINY.folder)
