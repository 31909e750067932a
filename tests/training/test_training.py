"""The tiny model's batched forward pass, tokenizer and held-out sentences."""

import copy

import numpy as np
import pytest
import torch

from kikitori.model.encoder import mel_filters
from training.collator import prompt_text
from training.synthesis.sentences import HELD_OUT_ONE_IN, english_sentences, japanese_sentences
from training.tiny.architecture import FIRST_LAYERS, build_model, build_processor
from training.tiny.batched_model import attention_logits, encode_audio, run_decoder


@pytest.fixture(scope="module")
def processor():
    return build_processor(["はい、さくら歯科です。", "Where is the station?", "Bom dia, eu sou Ana."] * 3)


@pytest.fixture(scope="module")
def model(processor):
    torch.manual_seed(0)
    return build_model(processor.tokenizer).eval()


@pytest.fixture(scope="module")
def waveforms():
    generator = np.random.default_rng(0)
    return [generator.standard_normal(int(16000 * s)).astype(np.float32) * 0.1 for s in (1.3, 4.0, 2.57)]


def test_the_tokenizer_restores_every_text_and_keeps_speaker_tags(processor):
    tokenizer = processor.tokenizer
    for text in (
        "<|spk_0|> もしもし、佐藤です。 <|spk_7|> はい。",
        "Não é difícil, João.",
        "It's half past two.",
        "🎙 42",
    ):
        assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    assert tokenizer.decode(tokenizer("はい。<|im_end|><blank3>").input_ids, skip_special_tokens=True) == "はい。"


def test_the_batched_forward_pass_equals_qwen_asrs_on_single_clips(model, processor, waveforms):
    tokenizer = processor.tokenizer
    texts = [
        prompt_text(processor, *told) for told in (("Japanese", "佐藤"), ("", ""), ("Portuguese", "Ana, Thiago, Luiz"))
    ]
    answers = [tokenizer(text).input_ids for text in ("はい。", "はい、さくら歯科です。", "Bom dia")]
    with torch.no_grad():
        audio, mask = encode_audio(model.thinker.audio_tower, waveforms, mel_filters(processor, "cpu"))
        prompts = [tokenizer(text).input_ids for text in texts]
        assert len({prompt.index(model.thinker.config.audio_token_id) for prompt in prompts}) == 3
        output = run_decoder(model.thinker, audio, mask, prompts, answers)
        logits, targets = output.logits, output.targets
        audio_logits = model.thinker.lm_head(output.at_audio(-1))
        assert targets.tolist() == [token for answer in answers for token in answer]
        start = 0
        for row, (text, waveform, answer) in enumerate(zip(texts, waveforms, answers, strict=True)):
            inputs = processor(text=text, audio=waveform, return_tensors="pt")
            ids = torch.cat([inputs.pop("input_ids"), torch.tensor([answer])], dim=1)
            inputs["attention_mask"] = torch.ones_like(ids)
            single = model.thinker(input_ids=ids, **inputs).logits[0]
            expected = single[-1 - len(answer) : -1]
            torch.testing.assert_close(logits[start : start + len(answer)], expected, atol=1e-3, rtol=1e-3)
            expected = single[ids[0] == model.thinker.config.audio_token_id]
            torch.testing.assert_close(audio_logits[row, : len(expected)], expected, atol=1e-3, rtol=1e-3)
            start += len(answer)


def test_attention_logits_are_those_of_each_head(model):
    decoder = copy.deepcopy(model.thinker.model)
    decoder.set_attn_implementation("eager")
    x = torch.randn(2, 9, 192, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shares = []
        for layer in decoder.layers:
            layer.self_attn.register_forward_hook(lambda module, inputs, output: shares.append(output[1]))
        output = decoder(inputs_embeds=x, use_cache=False, output_hidden_states=True)
        for number, expected in enumerate(shares):
            for head in range(expected.shape[1]):
                logits = attention_logits(decoder, number, output.hidden_states[number], slice(head, head + 1))
                torch.testing.assert_close(logits[:, 0].softmax(-1), expected[:, head], atol=1e-5, rtol=1e-4)
    assert len(shares) == FIRST_LAYERS


def test_held_out_sentences_are_the_same_in_both_languages_and_not_used_in_training():
    english, japanese = english_sentences(1), japanese_sentences(2)
    held_out = {japanese.draw(held_out=True).translation for _ in range(300)}
    assert held_out.isdisjoint({english.draw().text for _ in range(3000)})
    share = sum(english._fill(pattern).held_out for pattern in english._patterns * 40) / (len(english._patterns) * 40)
    assert share == pytest.approx(1 / HELD_OUT_ONE_IN, abs=0.04)
