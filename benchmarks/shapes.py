"""The real checkpoints' shapes with random weights, for places where the hub can't be reached.

The numbers are those of Qwen3-ASR-1.7B and 0.6B, cross-checked against public ports; vocabulary and tokenizer are the
tiny checkpoint's files with the real number of rows, because the real tokenizer is on the hub only.
"""

import json

import torch

from kikitori.tasks import TINY

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


def shape_config(shape: str) -> dict:
    """The tiny checkpoint's config.json with a real shape's sizes, a key of SHAPES."""
    config = json.loads((TINY.folder / "config.json").read_text())
    for part, sizes in SHAPES[shape].items():
        config["thinker_config"][part] |= sizes
    return config


def meta_model(shape: str):
    """A `Qwen3ASRForConditionalGeneration` of the shape, without memory."""
    from qwen_asr.core.transformers_backend import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration

    with torch.device("meta"):
        return Qwen3ASRForConditionalGeneration(Qwen3ASRConfig(**shape_config(shape)))


def random_qwen_model(shape: str, dtype: torch.dtype, device: str):
    """A `qwen_asr.Qwen3ASRModel` of the shape with small random weights; its processor is the tiny checkpoint's."""
    from qwen_asr import Qwen3ASRModel
    from qwen_asr.core.transformers_backend import Qwen3ASRProcessor

    model = meta_model(shape).to(dtype).to_empty(device=device).eval()
    model.thinker.tie_weights()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.02, 0.02)
    tower, text = model.thinker.audio_tower, model.thinker.model
    # Buffers are not stored in a checkpoint: they are made anew.
    positions = type(tower.positional_embedding)(tower.max_source_positions, tower.config.d_model)
    tower.positional_embedding = positions.to(device)
    text.rotary_emb = type(text.rotary_emb)(text.config).to(device)
    return Qwen3ASRModel(backend="transformers", model=model, processor=Qwen3ASRProcessor.from_pretrained(TINY.folder))
