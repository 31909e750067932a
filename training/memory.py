"""How much GPU memory a training needs: `python -m training.memory` prints the recipes' on Qwen3-ASR-1.7B.

Computed, not measured: the terms that grow with the model or with what one device hears at a time, all at once, which
is more than the peak. Sizes are those of bfloat16 under autocast with each layer's inputs kept and the rest of it
computed anew (gradient checkpointing). Not in it: CUDA's own, and what the allocator can't use.
"""

from __future__ import annotations

from training.sft import RECIPES
from training.speakers import PROJECTOR, SETTINGS

LEARNED_BYTES = 4 + 4 + 8 + 2
"""Of a parameter that learns: float32 itself, its gradient, AdamW's two moments, and autocast's bfloat16 copy."""
FROZEN_BYTES = 2
TOKENS_PER_SECOND = 13
"""Of audio."""
WRITTEN_PER_SECOND = 10
"""Tokens of text: fast speech stays under it (kikitori/model/generate.py)."""
PROMPT_TOKENS = 15
LOGIT_BYTES = 2 + 4 + 4 + 4 + 2
"""Of a logit: bfloat16, float32, the softmax's, and the gradients of the first two."""
SPEAKER_ROWS = 8


def convolution_bytes(audio_config) -> int:
    """What a second of audio leaves in the encoder's three convolutions: each output before and after its GELU."""
    sizes = [(audio_config.num_mel_bins, 100)]
    for _ in range(3):
        sizes.append(tuple((size + 1) // 2 for size in sizes[-1]))
    return sum(2 * 2 * audio_config.downsample_hidden_size * mels * frames for mels, frames in sizes[1:])


def decoder_layer_bytes(text_config) -> int:
    """What a token leaves in one decoder layer for its backward pass (counted: tests/test_memory.py)."""
    return 38 * text_config.hidden_size + 8 * text_config.intermediate_size


def memory_terms(model, batch_size: int, seconds: float, whole: bool = True) -> dict[str, float]:
    """The terms in bytes, by name.

    model: a Qwen3-ASR, on the meta device for all it matters. batch_size, seconds: clips that one device hears at a
    time, and their length. whole: all weights learn, else the projector and the speakers' rows.
    """
    thinker = model.thinker
    audio, text = thinker.config.audio_config, thinker.config.text_config
    parameters = sum(parameter.numel() for parameter in model.parameters())
    tower = thinker.audio_tower
    learned = sum(parameter.numel() for name in PROJECTOR for parameter in getattr(tower, name).parameters())
    learned += SPEAKER_ROWS * text.hidden_size
    if whole:
        learned = parameters
    written = batch_size * WRITTEN_PER_SECOND * seconds
    heard = batch_size * TOKENS_PER_SECOND * seconds
    tokens = heard + written + batch_size * PROMPT_TOKENS
    encoder = batch_size * seconds * convolution_bytes(audio) + heard * 2 * audio.d_model * audio.encoder_layers
    return {
        "weights": LEARNED_BYTES * learned + FROZEN_BYTES * (0 if whole else parameters),
        "encoder": encoder if whole else 0,
        "decoder": tokens * (4 * text.hidden_size * text.num_hidden_layers + decoder_layer_bytes(text)),
        "logits": written * LOGIT_BYTES * text.vocab_size,
    }


def main() -> int:
    """Print a line a recipe, for clips of several lengths."""
    from benchmarks.shapes import meta_model

    model = meta_model("1.7b")
    rows = [(f"training.sft, {name}", settings, True) for name, settings in RECIPES.items()]
    rows.append(("training.speakers", SETTINGS, False))
    print("| | clips at a time | length | weights and optimiser | encoder | decoder | logits | GB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, settings, whole in rows:
        for seconds in (6, 30) if whole else (30, 120):
            terms = memory_terms(model, settings.batch_size, seconds, whole)
            cells = [f"{value / 1e9:.1f}" for value in (*terms.values(), sum(terms.values()))]
            print(f"| {name} | {settings.batch_size} | {seconds} s | {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
