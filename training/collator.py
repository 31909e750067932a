"""Training samples -> what the model is fed: the prompt of qwen-asr's `transcribe`, the sound, the text to write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from kikitori.audio.files import SAMPLE_RATE, load_audio
from training.manifest import Sample, native_text
from training.trainable import IGNORED

END = "<|im_end|>"


class Inputs(Dataset):
    """Samples, each read when its turn comes."""

    def __init__(self, samples: Sequence[Sample]):
        self._samples = samples

    def __len__(self) -> int:
        """How many there are."""
        return len(self._samples)

    def __getitem__(self, number: int) -> tuple[np.ndarray, str]:
        """A waveform (samples,), float32 mono 16 kHz, and the text to write."""
        sample = self._samples[number]
        return load_audio(sample.audio), sample.text


def prompt_text(processor, language: str = "") -> str:
    """The prompt, with one audio token. language: forces what is written; without it the model names it itself."""
    conversation = [
        {"role": "system", "content": ""},
        {"role": "user", "content": [{"type": "audio", "audio": ""}]},
    ]
    text = processor.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
    return text + native_text(language, "") if language else text


class Collator:
    """Puts samples into one batch. processor: a `Qwen3ASRProcessor`."""

    def __init__(self, processor):
        self._processor = processor
        self._prompt = prompt_text(processor)

    def __call__(self, batch: Sequence[tuple[np.ndarray, str]]) -> dict[str, torch.Tensor]:
        """The arguments of `TrainableModel.forward`; the text and its end are labelled, the prompt is not.

        The language is part of the text, as in Qwen's own recipe: the model learns to name it, and is forced to it
        later by the same words.
        """
        waveforms, texts = zip(*batch, strict=True)
        inputs = self._processor(
            text=[self._prompt + text + END for text in texts],
            audio=list(waveforms),
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            padding=True,
            padding_side="right",
        )
        labels = torch.full_like(inputs["input_ids"], IGNORED)
        for row, text in enumerate(texts):
            end = int(inputs["attention_mask"][row].sum())
            start = end - len(self._processor.tokenizer(text + END).input_ids)
            labels[row, start:end] = inputs["input_ids"][row, start:end]
        return {**inputs, "labels": labels}
