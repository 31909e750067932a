"""Estimates the GPU memory of a training. `python -m training.memory` prints it for Qwen3-ASR-1.7B and all recipes.

The figures are computed, not measured. They add up all terms that grow with the model or the batch of one device,
which is more than the peak. They assume bfloat16 autocast and gradient checkpointing: each layer's inputs are kept
and the rest is recomputed. CUDA's own memory and the allocator's fragmentation are not included.
"""

from __future__ import annotations

from training.sft import RECIPES
from training.speakers import PROJECTOR, SETTINGS

TRAINED_BYTES = 4 + 4 + 8 + 2
"""Per trained parameter: float32 value, gradient, AdamW's two moments, and autocast's bfloat16 copy."""
FROZEN_BYTES = 2
"""Per frozen parameter: bfloat16."""
AUDIO_TOKENS_PER_SECOND = 13
TEXT_TOKENS_PER_SECOND = 10
"""Fast speech has fewer (kikitori/model/generate.py)."""
PROMPT_TOKENS = 15
LOGIT_BYTES = 2 + 4 + 4 + 4 + 2
"""Per logit: bfloat16 and float32 value, softmax, and the gradients of the two values."""
SPEAKER_ROWS = 8


def convolution_bytes(audio_config) -> int:
    """Bytes that a second of audio keeps in the encoder's three convolutions: each output before and after its GELU."""
    sizes = [(audio_config.num_mel_bins, 100)]
    for _ in range(3):
        sizes.append(tuple((size + 1) // 2 for size in sizes[-1]))
    return sum(2 * 2 * audio_config.downsample_hidden_size * mels * frames for mels, frames in sizes[1:])


def decoder_layer_bytes(text_config) -> int:
    """Bytes that a token keeps in one decoder layer for the backward pass. Checked by test_memory.py."""
    return 38 * text_config.hidden_size + 8 * text_config.intermediate_size


def memory_terms(model, batch_size: int, seconds: float, whole: bool = True) -> dict[str, float]:
    """Return the terms in bytes, by name.

    model: a Qwen3-ASR; the meta device is enough. batch_size: clips per batch of one device. seconds: length of each
    clip. whole: True if all weights are trained, False for the projector and the speakers' rows only.
    """
    thinker = model.thinker
    audio, text = thinker.config.audio_config, thinker.config.text_config
    parameters = sum(parameter.numel() for parameter in model.parameters())
    tower = thinker.audio_tower
    trained = sum(parameter.numel() for name in PROJECTOR for parameter in getattr(tower, name).parameters())
    trained += SPEAKER_ROWS * text.hidden_size
    if whole:
        trained = parameters
    text_tokens = batch_size * TEXT_TOKENS_PER_SECOND * seconds
    audio_tokens = batch_size * AUDIO_TOKENS_PER_SECOND * seconds
    tokens = audio_tokens + text_tokens + batch_size * PROMPT_TOKENS
    encoder = batch_size * seconds * convolution_bytes(audio) + audio_tokens * 2 * audio.d_model * audio.encoder_layers
    return {
        "weights": TRAINED_BYTES * trained + FROZEN_BYTES * (0 if whole else parameters),
        "encoder": encoder if whole else 0,
        "decoder": tokens * (4 * text.hidden_size * text.num_hidden_layers + decoder_layer_bytes(text)),
        "logits": text_tokens * LOGIT_BYTES * text.vocab_size,
    }


def main() -> int:
    """Print one row per recipe and clip length."""
    from benchmarks.shapes import meta_model

    model = meta_model("1.7b")
    rows = [(f"training.sft, {name}", settings, True) for name, settings in RECIPES.items()]
    rows.append(("training.speakers", SETTINGS, False))
    print("| | batch size | clip length | weights and optimiser | encoder | decoder | logits | GB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, settings, whole in rows:
        for seconds in (6, 30) if whole else (30, 120):
            terms = memory_terms(model, settings.batch_size, seconds, whole)
            cells = [f"{value / 1e9:.1f}" for value in (*terms.values(), sum(terms.values()))]
            print(f"| {name} | {settings.batch_size} | {seconds} s | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
