"""The decoding loop writes what the original model's `generate()` writes, token for token, alone and in batches."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.agreement import noise_clips, random_tiny
from benchmarks.qwen_generate import generate_with_qwen
from kikitori.audio.files import load_audio
from kikitori.model import encoder, kv_cache
from kikitori.model.generate import decode, stream_decode, token_budget
from kikitori.model.kv_cache import bucket
from kikitori.model.qwen import build_prompt, end_token_ids, load_qwen_model
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.result import last
from kikitori.tasks import TINY
from tests.support.clips import CLIPS, CONTEXT, NOISE, SHORT_CALLS, ids
from tests.support.recordings import RECORDINGS, recordings_in

SPOKEN = {
    language: sorted((waveform for waveform, its in CLIPS if its == language), key=len)[2::3]
    for language in ("English", "Japanese", "Portuguese")
}
"""Every third clip of a language. The Japanese ones do not end in the order of their lengths, so rows move."""


def never(text: str) -> bool:
    return False


def original_ids(
    recognizer: Recognizer, waveform: np.ndarray, language: str | None, context: str = ""
) -> tuple[int, ...]:
    budget = token_budget(len(waveform) / 16000)
    return tuple(generate_with_qwen(recognizer.qwen, waveform, language, budget, context=context))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("language", SPOKEN)
def test_clips_decode_as_with_generate_alone_and_in_a_batch(dtype, language):
    """In bfloat16 this holds for recordings; for random weights it does not (python -m benchmarks.agreement)."""
    tiny = load_recognizer(str(TINY.folder), dtype)
    waveforms = SPOKEN[language]
    expected = [original_ids(tiny, waveform, language) for waveform in waveforms]
    assert [decode(tiny, [waveform], language)[0].ids for waveform in waveforms] == expected
    batch = decode(tiny, waveforms, language)
    assert ids(batch) == expected
    assert {result.ended_by for result in batch} == {"end"}


@pytest.mark.slow
@pytest.mark.parametrize("language", ["Portuguese", None])
def test_a_context_is_sent_and_decoded_as_qwen_asr_does(tiny, monkeypatch, language):
    """The ids of the prompt, those of the texts in a batch, and the text of the original model's own function.

    That function assumes the end tokens of the 1.7B vocabulary, so it is told those of the tiny one.
    """
    waveforms = [waveform for waveform, clip_language in CLIPS if clip_language == "Portuguese"][:2]
    prompt = tiny.qwen._build_text_prompt(context=CONTEXT, force_language=language)
    inputs = tiny.qwen.processor(text=[prompt], audio=[waveforms[0]], return_tensors="pt")["input_ids"][0].tolist()
    before, after = tiny.prompt_ids(build_prompt(tiny.qwen, language, CONTEXT))
    pads = [tiny.qwen.model.thinker.config.audio_token_id] * encoder.audio_tokens(len(waveforms[0]))
    assert [*before, *pads, *after] == inputs
    assert CONTEXT.strip() in tiny.tokenizer.decode(before)
    results = decode(tiny, waveforms, language, context=CONTEXT)
    assert ids(results) == [original_ids(tiny, waveform, language, CONTEXT) for waveform in waveforms]
    assert ids(results) != ids(decode(tiny, waveforms, language))
    ends = {"eos_token_id": end_token_ids(tiny.tokenizer), "pad_token_id": end_token_ids(tiny.tokenizer)[-1]}
    monkeypatch.setattr(tiny.qwen.model, "generate", partial(tiny.qwen.model.generate, **ends))
    original = tiny.qwen.transcribe([(waveform, 16000) for waveform in waveforms], CONTEXT, language)
    assert [result.text.rpartition("<asr_text>")[2] for result in results] == [one.text for one in original]


@pytest.mark.slow
@pytest.mark.parametrize(("context", "written"), [("", "吉田"), ("安藤、芳田、大野", "芳田"), ("安藤、大野", "吉田")])
def test_a_name_is_spelled_as_the_context_says(tiny, context, written):
    recording = next(recording for recording in recordings_in(RECORDINGS) if "吉田" in recording.reference)
    (result,) = decode(tiny, [load_audio(recording.path)], "Japanese", context=context)
    assert result.text == recording.reference.replace("吉田", written)


@pytest.mark.slow
def test_nothing_of_the_context_is_written_for_noise(tiny):
    backwards = np.ascontiguousarray(SHORT_CALLS[0][::-1])
    sounds = [NOISE[:8000], NOISE[: 4 * 16000], np.zeros(2 * 16000, np.float32), backwards]
    languages = sorted({language for _, language in CLIPS})
    decoded = [decode(tiny, sounds, language, context=CONTEXT) for language in languages]
    texts = [result.text for results in decoded for result in results]
    assert any(texts)  # speech that is played backwards is taken for words
    names = ("Helena", "Kikitori", "佐藤", "São João")
    assert not [name for name in names for text in texts if name.casefold() in text.casefold()]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_random_weights_decode_as_with_generate(seed):
    """With texts that never end, and clips of unequal length, one of them below a second and one silent."""
    recognizer = random_tiny(seed)
    clips = noise_clips(seed)
    waveforms, language = [clip.waveform for clip in clips], clips[0].language
    expected = [tuple(generate_with_qwen(recognizer.qwen, waveform, language, 24)) for waveform in waveforms]
    alone = [decode(recognizer, [waveform], language, never, max_tokens=24)[0].ids for waveform in waveforms]
    assert alone == expected
    assert ids(decode(recognizer, waveforms, language, never, max_tokens=24)) == expected
    assert len(set(expected)) > 2


@pytest.mark.slow
def test_matrix_products_with_the_weights_first_decode_the_same(tiny, monkeypatch):
    """The order for few rows and large weights; the tiny checkpoint's weights are small."""
    waveforms = [*SPOKEN["Japanese"][:3], SHORT_CALLS[0]]
    expected = [original_ids(tiny, waveform, "Japanese") for waveform in waveforms]
    monkeypatch.setattr("kikitori.model.decoder.LARGE_WEIGHTS", 0)
    assert ids(decode(tiny, waveforms, "Japanese", never)) == expected


def test_log_probabilities_are_those_of_the_original_model(tiny):
    waveform, language = CLIPS[0]
    (result,) = decode(tiny, [waveform], language)
    inputs = tiny.qwen.processor(text=[build_prompt(tiny.qwen, language)], audio=[waveform], return_tensors="pt")
    prompt, text = inputs.pop("input_ids"), torch.tensor([result.ids])
    both = torch.cat([prompt, text], dim=1)
    inputs["attention_mask"] = torch.ones_like(both)
    with torch.no_grad():
        logits = tiny.qwen.model.thinker(input_ids=both, **inputs).logits[0]
    expected = logits.log_softmax(-1)[prompt.shape[1] - 1 : -1].gather(1, text.T)[:, 0]
    np.testing.assert_allclose(result.log_probabilities, expected.numpy(), atol=1e-3)


def test_the_original_model_keeps_its_weights_and_none_is_held_twice(tiny):
    held = tiny.decoder.layers[0].qkv  # made when it is first used
    fresh = load_qwen_model(str(TINY.folder), torch.float32).model.state_dict()
    own = tiny.qwen.model.state_dict()
    assert held.data_ptr() == own["thinker.model.layers.0.self_attn.q_proj.weight"].data_ptr()
    for name, weight in fresh.items():
        assert torch.equal(weight, own[name]), name


@pytest.mark.slow
def test_fetching_tokens_every_few_steps_decodes_the_same(tiny, monkeypatch):
    expected = ids(decode(tiny, SPOKEN["Japanese"], "Japanese"))
    monkeypatch.setattr(tiny, "sync_every_steps", 8)
    assert ids(decode(tiny, SPOKEN["Japanese"], "Japanese")) == expected


@pytest.mark.slow
def test_a_loop_and_a_spent_budget_end_the_text():
    recognizer = random_tiny(0)
    (looped,) = decode(recognizer, [NOISE[:32000]], None, lambda text: True, max_tokens=512)
    assert (looped.ended_by, len(looped.ids)) == ("loop", 64)
    (spent,) = decode(recognizer, [NOISE[:32000]], None, never, max_tokens=40)
    assert (spent.ended_by, len(spent.ids)) == ("budget", 40)
    assert looped.ids[:40] == spent.ids
    assert len(spent.log_probabilities) == 40
    assert last(stream_decode(recognizer, [NOISE[:32000]], None, never, max_tokens=40)) == [spent]


@pytest.mark.slow
def test_the_budget_follows_from_the_length_unless_it_is_given():
    recognizer = random_tiny(0)
    lengths = [len(result.ids) for result in decode(recognizer, [NOISE[:16000], NOISE[:32000]], None, never)]
    assert lengths == [token_budget(1), token_budget(2)]


def test_nothing_to_decode_is_an_empty_result(tiny):
    assert list(stream_decode(tiny, [], "Japanese")) == [[]]


@pytest.mark.parametrize(("length", "slots"), [(1, 256), (256, 256), (257, 512), (1000, 1024), (1025, 2048)])
def test_cache_lengths_are_powers_of_two(length, slots):
    assert bucket(length) == slots


@pytest.mark.slow
def test_a_text_longer_than_its_cache_is_decoded_to_the_end(monkeypatch):
    """Past the 64 tokens of the shortest cache, alone and in a batch with a longer prompt."""
    monkeypatch.setattr(kv_cache, "MIN_BUCKET", 64)
    recognizer = random_tiny(3)
    expected = [tuple(generate_with_qwen(recognizer.qwen, NOISE[:n], None, 80)) for n in (16000, 40000)]
    both = decode(recognizer, [NOISE[:16000], NOISE[:40000]], None, never, max_tokens=80)
    assert ids(both) == expected
    assert ids(decode(recognizer, [NOISE[:16000]], None, never, max_tokens=80)) == expected[:1]
    assert max(map(len, expected)) == 80
