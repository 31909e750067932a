"""Turns training samples into model inputs: the prompt of qwen-asr's `transcribe`, the audio, and the target text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import Dataset

from kikitori.audio.files import SAMPLE_RATE, load_audio
from training.manifest import Sample, native_text
from training.trainable import IGNORED

END = "<|im_end|>"


class Example(NamedTuple):
    """A sample as the model sees it.

    waveform: (samples,) float32 mono 16 kHz. text: the target. context: the system turn.
    """

    waveform: np.ndarray
    text: str
    context: str = ""


class SampleDataset(Dataset):
    """A torch data set of samples. Audio is read when a sample is fetched."""

    def __init__(self, samples: Sequence[Sample]):
        self._samples = samples

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __getitem__(self, number: int) -> Example:
        """Read a sample's audio."""
        sample = self._samples[number]
        return Example(load_audio(sample.audio), sample.text, sample.context)


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

    def __call__(self, batch: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Return the arguments of `TrainableModel.forward`. Labels cover the text and its end, not the prompt.

        As in Qwen's own recipe the language is part of the text: the model learns to write it, and the same words
        force it during transcription.
        """
        inputs = self._processor(
            text=[prompt_text(self._processor, context=row.context) + row.text + END for row in batch],
            audio=[row.waveform for row in batch],
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            padding=True,
            padding_side="right",
        )
        labels = torch.full_like(inputs["input_ids"], IGNORED)
        for row, example in enumerate(batch):
            end = int(inputs["attention_mask"][row].sum())
            start = end - len(self._processor.tokenizer(example.text + END).input_ids)
            labels[row, start:end] = inputs["input_ids"][row, start:end]
        return {**inputs, "labels": labels}
