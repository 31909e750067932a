"""Losses that teach the decoder to copy names from a list, and the layers that learn it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from qwen_asr.core.transformers_backend import Qwen3ASRProcessor

from benchmarks.served import ROOT
from training.synthesis.clips import Clip
from training.tiny.architecture import FIRST_LAYERS, LAYERS, add_layers, build_model
from training.tiny.batched_model import run_decoder
from training.tiny.copying import LOSSES_OF_HEADS, WEIGHTS, CopyLosses, Plan, plan_clip

AUDIO_TOKENS = 13
CLIPS = [
    ("Hello, Sarra, how are you?", {"Allan": "Alan", "Sarra": "Sarah", "Mark": "Mark"}, ", "),
    ("<|spk_0|> 渡逢です。", {"田仲": "田中", "渡逢": "渡辺"}, "、"),
    ("language Portuguese<asr_text>Luís e Thyago.", {"Thyago": "Tiago", "Luiz": "Luís"}, "\n"),
]
COPIED = ["Sarra", "渡逢", "Thyago"]


@pytest.fixture(scope="module")
def processor():
    return Qwen3ASRProcessor.from_pretrained(ROOT / "assets" / "tiny")


def make_clip(answer: str, listed: dict[str, str], separator: str = ", ", task: str = "names_en") -> Clip:
    """Return a second without sound."""
    return Clip(np.zeros(16000, np.float32), "", answer, answer, "", (), separator.join(listed), listed, task)


def targets(plan: Plan, loss: str) -> dict[int, int]:
    """Return token of the answer -> place that the position before it looks at."""
    first = len(plan.prompt) - 2 + AUDIO_TOKENS
    return {place - first: target for name, place, target in plan.places if name == loss}


@pytest.mark.parametrize(("clip", "name"), zip(CLIPS, COPIED, strict=True))
def test_each_token_of_a_name_is_looked_up_in_the_list(processor, clip, name):
    plan = plan_clip(processor, make_clip(*clip))
    decode = processor.tokenizer.decode
    letters, whole, idle = (targets(plan, loss) for loss in ("letters", "whole", "idle"))
    *inside, after = sorted(letters)
    assert decode([plan.answer[token] for token in inside]).strip() == name
    assert decode([plan.prompt[letters[token]] for token in inside]).strip() == name
    assert {*whole.values()} == {letters[after]} == {max(letters.values())}  # the place after the name
    assert letters.keys() == whole.keys() == plan.copied
    spoken = targets(plan, "unlisted")  # Luís: the list has another spelling of it
    assert bool(spoken) == ("Luís" in clip[0])
    assert sorted([*letters, *idle, *spoken]) == list(range(len(plan.answer)))
    assert all(place == target + 1 for loss, place, target in plan.places if loss == "previous")


def test_a_part_of_a_word_is_not_a_name_and_nothing_is_looked_up_without_a_list(processor):
    for answer, listed in (("Sarrastro is here.", {"Sarra": "Sarah"}), ("This is Sarah.", {})):
        plan = plan_clip(processor, make_clip(answer, listed))
        assert not plan.copied and targets(plan, "idle") == dict.fromkeys(range(len(plan.answer)), 0)


def test_an_answer_is_kept_if_the_list_does_not_change_it(processor):
    for answer, listed, task, kept in (
        ("This is Sarah.", {"Sarah": "Sarah", "Allan": "Alan"}, "english", True),
        ("This is Sarra.", {"Sarra": "Sarah"}, "english", False),
        ("This is Sarah.", {}, "names_en", False),
        ("", {"Allan": "Alan"}, "silence", False),
    ):
        plan = plan_clip(processor, make_clip(answer, listed, task=task))
        assert plan.kept == kept
        assert plan.plain_prompt == plan_clip(processor, make_clip(answer, {})).prompt


@pytest.mark.slow
def test_added_layers_change_no_logit_until_they_learn_where_to_look(processor):
    torch.manual_seed(0)
    earlier = build_model(processor.tokenizer)
    model = copy.deepcopy(earlier)
    add_layers(model.requires_grad_(False))
    decoder = model.thinker.model
    assert (len(earlier.thinker.model.layers), len(decoder.layers)) == (FIRST_LAYERS, LAYERS)
    plans = [plan_clip(processor, make_clip(*clip)) for clip in CLIPS]
    audio = torch.randn(len(plans), AUDIO_TOKENS, 192)
    prompts, answers = [plan.prompt for plan in plans], [plan.answer for plan in plans]
    arguments = audio, torch.ones(audio.shape[:2], dtype=torch.bool), prompts, answers
    assert torch.equal(run_decoder(model.thinker, *arguments).logits, run_decoder(earlier.thinker, *arguments).logits)
    losses = CopyLosses(192)
    optimizer = torch.optim.AdamW([*decoder.layers[FIRST_LAYERS:].parameters(), *losses.parameters()], lr=5e-3)
    history = []
    for _ in range(12):
        history.append(losses(decoder, run_decoder(model.thinker, *arguments), plans))
        optimizer.zero_grad()
        sum(WEIGHTS[name] * loss for name, loss in history[-1].items()).backward()
        optimizer.step()
    assert history[0].keys() == WEIGHTS.keys()
    assert {name for names in LOSSES_OF_HEADS.values() for name in names} < WEIGHTS.keys()
    for name in ("previous", "whole", "letters", "listed names", "written names"):
        assert history[-1][name] < history[0][name] / 2, name
