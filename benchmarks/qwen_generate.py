"""The original model's own `generate()`, which tests and benchmarks compare this project's decoding loop with."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from kikitori.model.qwen import build_prompt, end_token_ids

if TYPE_CHECKING:
    from qwen_asr import Qwen3ASRModel

_LOCK = threading.Lock()  # the model keeps `rope_deltas` between steps, which two threads would mix up


def generate_with_qwen(
    model: Qwen3ASRModel,
    waveform: np.ndarray,
    language: str | None,
    max_tokens: int,
    ends_itself: bool = True,
    context: str = "",
) -> list[int]:
    """Decode one clip greedily. Returns token ids, the one that ends the text included.

    model: from `load_qwen_model`. waveform: float32 mono 16 kHz, (samples,). language: forces the language of the
    output. ends_itself: False to decode exactly `max_tokens`. context: the system turn.
    """
    prompt = build_prompt(model, language, context)
    inputs = model.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(model.model.device).to(model.model.dtype)
    end_ids = end_token_ids(model.processor.tokenizer)
    with _LOCK:
        sequences = model.model.generate(
            **inputs, max_new_tokens=max_tokens, eos_token_id=end_ids if ends_itself else -1, pad_token_id=end_ids[-1]
        ).sequences
    return sequences[0, inputs["input_ids"].shape[1] :].tolist()
