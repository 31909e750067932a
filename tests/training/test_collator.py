"""A training sample is what the model sees during transcription: the same prompt, then the answer."""

from __future__ import annotations

import pytest
import torch

from kikitori.audio.files import load_audio
from kikitori.model.qwen import build_prompt, load_qwen_model
from kikitori.tasks import TINY
from tests.support.recordings import RECORDINGS
from training.collator import END, Collator, Example, prompt_text
from training.manifest import native_text
from training.trainable import IGNORED

NAMES = "Fernando, Braga, 佐藤\n<>&"


@pytest.fixture(scope="module")
def qwen():
    return load_qwen_model(str(TINY.folder))


@pytest.mark.parametrize("context", ["", NAMES])
@pytest.mark.parametrize("language", ["Portuguese", "Chinese", "Filipino"])
@pytest.mark.parametrize("forced", [True, False], ids=["forced", "detected"])
def test_a_sample_is_the_prompt_of_inference_and_the_answer(qwen, context, language, forced):
    """The language belongs to the answer. During transcription the model writes it, or it is forced with the prompt."""
    waveform, words = load_audio(RECORDINGS / "pt_0.flac"), "Bom dia, eu sou Fernando."
    answer = native_text(language, words)
    prompt = build_prompt(qwen, language if forced else None, context)
    expected = qwen.processor(
        text=[prompt + (words if forced else answer) + END], audio=[waveform], return_tensors="pt", padding=True
    )
    batch = Collator(qwen.processor)([Example(waveform, answer, context)])
    for name in ("input_ids", "attention_mask", "input_features", "feature_attention_mask"):
        assert torch.equal(batch[name], expected[name]), name


def test_the_loss_covers_the_answers_and_no_context(qwen):
    """Clips and contexts of different lengths are padded in one batch."""
    examples = [
        Example(load_audio(RECORDINGS / "pt_0.flac"), native_text("Portuguese", "Bom dia."), NAMES),
        Example(load_audio(RECORDINGS / "ja2en_0.flac"), native_text("Japanese", "はい。")),
        Example(load_audio(RECORDINGS / "en2ja_0.flac"), native_text("English", "Hello."), "Hello."),
    ]
    batch = Collator(qwen.processor)(examples)
    tokenizer = qwen.processor.tokenizer
    for example, ids, labels in zip(examples, batch["input_ids"], batch["labels"], strict=True):
        assert tokenizer.decode(labels[labels != IGNORED]) == example.text + END
        assert torch.equal(ids[labels != IGNORED], labels[labels != IGNORED])


@pytest.mark.parametrize("context", ["", NAMES])
@pytest.mark.parametrize("language", ["", "Japanese"])
def test_the_prompt_is_that_of_qwen_asr(qwen, context, language):
    assert prompt_text(qwen.processor, language, context) == build_prompt(qwen, language or None, context)
