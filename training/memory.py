"""Estimates the GPU memory of a training. `python -m training.memory` prints it for all recipes, and for 1 to 8 GPUs.

The figures are computed, not measured. They add up all terms that grow with the model or the batch of one device,
which is more than the peak. They assume bfloat16 autocast and gradient checkpointing: each layer's inputs are kept
and the rest is recomputed. CUDA's own memory and the allocator's fragmentation are not included.
"""

from __future__ import annotations

from training.sft import RECIPES
from training.speakers import PROJECTOR, SETTINGS

SHARED_BYTES = {"weights": 4, "gradients": 4, "optimiser": 8}
"""Per trained parameter, in float32: value, gradient and AdamW's two moments. Several GPUs share them equally."""
COPY_BYTES = 2
"""Per trained parameter: autocast's bfloat16 copy."""
TRAINED_BYTES = sum(SHARED_BYTES.values()) + COPY_BYTES
COLLECTED_BYTES = 2 + 2 + 4
"""Per parameter that a GPU has collected from the others (training/sharding.py): bfloat16 value and gradient, and the
float32 gradient that it sends."""
COLLECTED_LAYERS = 2
"""The one that computes, and the one that is fetched or sent meanwhile."""
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
    parameters = count(model)
    trained = sum(count(getattr(thinker.audio_tower, name)) for name in PROJECTOR)
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


def state_terms(model, gpus: int) -> dict[str, float]:
    """Return what `training.sft` keeps on each GPU for any batch, in bytes by name.

    gpus: how many share the model. `copies` are all bfloat16 copies on one GPU, and on several the collected
    parameters: all outside the layers, and those of the largest layers.
    """
    from training.sharding import layers

    parameters = count(model)
    by_layer = sorted(map(count, layers(model)))
    collected = parameters - sum(by_layer) + sum(by_layer[-COLLECTED_LAYERS:])
    copies = COLLECTED_BYTES * collected if gpus > 1 else COPY_BYTES * parameters
    return {name: size * parameters / gpus for name, size in SHARED_BYTES.items()} | {"copies": copies}


def count(module) -> int:
    """Return the number of a module's parameters; tied ones count once."""
    return sum(parameter.numel() for parameter in module.parameters())


def main() -> int:
    """Print one row per recipe and clip length, then one per model and number of GPUs."""
    from benchmarks.shapes import meta_model

    models = {name: meta_model(name) for name in ("1.7b", "0.6b")}
    rows = [(f"training.sft, {name}", settings, True) for name, settings in RECIPES.items()]
    rows.append(("training.speakers", SETTINGS, False))
    print("| | batch size | clip length | weights and optimiser | encoder | decoder | logits | GB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, settings, whole in rows:
        for seconds in (6, 30) if whole else (30, 120):
            terms = memory_terms(models["1.7b"], settings.batch_size, seconds, whole)
            print(f"| {name} | {settings.batch_size} | {seconds} s | {_cells(terms)} |")
    batch_size, seconds = RECIPES["translation"].batch_size, 30
    print(f"\n| training.sft, {batch_size} clips of {seconds} s per GPU ", end="")
    print("| GPUs | weights | gradients | optimiser | copies | activations | GB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, model in models.items():
        terms = memory_terms(model, batch_size, seconds)
        activations = {"activations": sum(terms.values()) - terms["weights"]}
        for gpus in (1, 2, 4, 8):
            print(f"| Qwen3-ASR-{name.upper()} | {gpus} | {_cells(state_terms(model, gpus) | activations)} |")
    return 0


def _cells(terms: dict[str, float]) -> str:
    """The terms and their sum, in GB."""
    return " | ".join(f"{value / 1e9:.1f}" for value in (*terms.values(), sum(terms.values())))


if __name__ == "__main__":
    raise SystemExit(main())
