"""Turns training samples into model inputs: the prompt of qwen-asr's `transcribe`, the audio, and the target text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from kikitori.audio.files import SAMPLE_RATE, load_audio
from training.manifest import Sample, native_text
from training.trainable import IGNORED

END = "<|im_end|>"


class SampleDataset(Dataset):
    """A torch data set of samples. Audio is read when a sample is fetched."""

    def __init__(self, samples: Sequence[Sample]):
        self._samples = samples

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, number: int) -> tuple[np.ndarray, str]:
        """Return a waveform, (samples,) float32 mono 16 kHz, and the target text."""
        sample = self._samples[number]
        return load_audio(sample.audio), sample.text


def prompt_text(processor, language: str = "", context: str = "") -> str:
    """Return the prompt with one audio token.

    language: forces the output language; empty lets the model choose it. context: the system turn.
    """
    conversation = [
        {"role": "system", "content": context},
        {"role": "user", "content": [{"type": "audio", "audio": ""}]},
    ]
    text = processor.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
    return text + native_text(language, "") if language else text


class Collator:
    """Combines samples into a batch. processor: a `Qwen3ASRProcessor`."""

    def __init__(self, processor):
        self._processor = processor
        self._prompt = prompt_text(processor)

    def __call__(self, batch: Sequence[tuple[np.ndarray, str]]) -> dict[str, torch.Tensor]:
        """Return the arguments of `TrainableModel.forward`. Labels cover the text and its end, not the prompt.

        As in Qwen's own recipe the language is part of the text: the model learns to write it, and the same words
        force it during transcription.
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
