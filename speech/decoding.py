"""Waveform -> decoded text, by the stock qwen-asr model.

The prompt, the features and the greedy `generate()` are those of `Qwen3ASRModel.transcribe` (qwen-asr 0.0.6,
inference/qwen3_asr.py). Two things differ on purpose: the token budget follows from the clip's length instead of
being 512 for any clip, and the text is kept as the model wrote it: `transcribe` edits repetitions away unseen.
"""

import os
import threading
from dataclasses import dataclass

import numpy as np

from speech.audio import SAMPLE_RATE

BUDGET_TOKENS = 32
BUDGET_TOKENS_PER_SECOND = 16
"""Fast speech stays under 10 tokens a second in the languages served; what passes this budget is a loop."""

_ONE_AT_A_TIME = threading.Lock()
"""The stock model keeps `rope_deltas` between steps, so two threads on one model would mix up their positions."""


@dataclass(frozen=True)
class Decoded:
    """What the model wrote for one clip: text with its tags and control tokens, and whether it ended by itself."""

    text: str
    ended: bool


def load_stock_model(path: str, dtype=None, device: str = "cpu"):
    """Load a checkpoint folder as its model card shows; returns a `qwen_asr.Qwen3ASRModel`.

    dtype: a torch dtype, or None for float32. Raises OSError, ValueError or SafetensorError where the folder is not a
    checkpoint.
    """
    from qwen_asr import Qwen3ASRModel

    return load_placed(Qwen3ASRModel, path, dtype, device)


def load_placed(stock: type, path: str, dtype, device: str):
    """Load one of qwen_asr's classes from a folder, on `device`, ZeroGPU's included; a dtype of None is float32."""
    import torch

    # ZeroGPU packs what `.to("cuda")` moves at start-up, when there is no device to load on to yet.
    on_zero_gpu = bool(os.environ.get("SPACES_ZERO_GPU"))
    loaded = stock.from_pretrained(path, dtype=dtype or torch.float32, device_map="cpu" if on_zero_gpu else device)
    if on_zero_gpu:
        loaded.model.to(device)
    return loaded


def token_budget(seconds: float) -> int:
    """How many tokens a clip of this length may take."""
    return BUDGET_TOKENS + round(BUDGET_TOKENS_PER_SECOND * seconds)


def end_token_ids(tokenizer) -> list[int]:
    """The ids that end a text. `generate()` assumes the 1.7B vocabulary's; a smaller vocabulary has its own."""
    return tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])


def decode(model, waveform: np.ndarray, language: str | None) -> Decoded:
    """Let the model write down one clip, greedily.

    model: from `load_stock_model`. waveform: float32 mono 16 kHz, (samples,). language: forces the language of the
    output; None lets the model begin with `language X<asr_text>`.
    """
    prompt = model._build_text_prompt(context="", force_language=language)
    inputs = model.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(model.model.device).to(model.model.dtype)
    end_ids = end_token_ids(model.processor.tokenizer)
    with _ONE_AT_A_TIME:
        sequences = model.model.generate(
            **inputs,
            max_new_tokens=token_budget(len(waveform) / SAMPLE_RATE),
            eos_token_id=end_ids,
            pad_token_id=end_ids[-1],
        ).sequences
    ids = sequences[0, inputs["input_ids"].shape[1] :].tolist()
    ended = bool(ids) and ids[-1] in end_ids
    text = model.processor.tokenizer.decode(
        ids[:-1] if ended else ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
    )
    return Decoded(text.strip(), ended)
