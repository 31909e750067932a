"""What reaches the model for any language and context is what `Qwen3ASRModel.transcribe` gives it.

The model has the widths and the vocabulary of the real checkpoints, two layers, and random weights. The tokenizer is
the tiny checkpoint's, because the real one is on the hub only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from benchmarks.shapes import random_qwen_model
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.engines import local
from kikitori.engines.engine import Prompt
from kikitori.languages import CODES
from kikitori.model.decoder import Decoder
from kikitori.model.recognizer import Recognizer
from kikitori.result import last
from kikitori.tasks import choose_checkpoints, choose_task
from kikitori.transcribe import load_task
from tests.support.recordings import one_recording

pytestmark = pytest.mark.slow

TOKENS = 2
NAMES = "Fernando, Braga; 佐藤\nRita <x>"
WAVEFORM = load_audio(one_recording("pt").path)[: SAMPLE_RATE // 2]


@pytest.fixture(scope="module", params=["1.7b", "0.6b"])
def engine(request):
    """The engine of `load_model("transcribe")`, with a model of the real shape instead of the hub's."""
    recognizer = Recognizer(random_qwen_model(request.param, torch.float32, "cpu", layers=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "load_once", lambda *arguments: recognizer)
        checkpoints = choose_checkpoints(size=request.param)
        yield load_task(choose_task("transcribe"), checkpoints, "cpu", torch.float32).engine


@contextmanager
def calls_of(owner, name: str) -> Iterator[list]:
    """Keep (positional arguments, named ones, result) of each call of a method."""
    calls, original = [], getattr(owner, name)

    def keep(*arguments, **named):
        result = original(*arguments, **named)
        calls.append((arguments, named, result))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, keep)
        yield calls


@pytest.mark.parametrize(
    ("language", "context"), [("auto", ""), ("auto", NAMES), ("Portuguese", NAMES), ("yue", ""), ("fil", NAMES)]
)
def test_prompt_audio_and_tokens_are_those_of_transcribe(engine, language, context):
    recognizer, forced = engine.recognizer, choose_task("transcribe", language).language
    qwen = recognizer.qwen
    qwen.max_new_tokens = TOKENS
    with calls_of(qwen.model, "generate") as generated, calls_of(qwen.model.thinker.model, "forward") as steps:
        qwen.transcribe((WAVEFORM, SAMPLE_RATE), context=context, language=forced)
    with calls_of(Decoder, "prefill") as prefilled, calls_of(recognizer, "prompt_ids") as prompts:
        (result,) = last(engine.stream([WAVEFORM], Prompt(forced, context), max_tokens=TOKENS))

    ((_, inputs, output),) = generated
    (ids,) = inputs["input_ids"].tolist()
    *_, ((prompt,), _, (before, after)) = prompts
    audio = qwen.model.thinker.config.audio_token_id
    assert [id for id in ids if id != audio] == before + after
    expected = f"<|im_start|>system\n{context}<|im_end|>\n<|im_start|>user\n<|audio_start|><|audio_pad|><|audio_end|>"
    answer = f"language {forced}<asr_text>" if forced else ""
    assert prompt == f"{expected}<|im_end|>\n<|im_start|>assistant\n{answer}"

    (((_, x, lengths, _), _, _),) = prefilled
    assert lengths == [len(ids)]
    torch.testing.assert_close(x, steps[0][1]["inputs_embeds"], atol=1e-4, rtol=1e-4)
    assert list(result.ids) == output.sequences[0, len(ids) :].tolist()


def test_the_languages_are_those_of_qwen_asr():
    from qwen_asr.inference.utils import SUPPORTED_LANGUAGES

    assert sorted(SUPPORTED_LANGUAGES) == sorted(CODES)
