"""Training clips with a list of names: what the model is told, and what it has to write."""

from __future__ import annotations

import random
import re
from dataclasses import astuple

import numpy as np
import pytest

from benchmarks.served import ROOT
from kikitori.model.qwen import build_prompt, load_qwen_model
from training.synthesis import contexts, names, pool
from training.synthesis.clips import CHANGE, SPOKEN_LANGUAGE, Clip, ClipMaker
from training.synthesis.invented_names import invent
from training.synthesis.voices import SpokenSentence, Voice
from training.tiny.measure_context import NamedClip, count
from training.tiny.train import TinyLosses

SENTENCES = {
    "names_ja": "こちらは{}です。",
    "names_en": "Hello, {}, how are you?",
    "names_pt": "Mariana viu a {}.",
    "en2ja": "Where is the station?",
}
USUAL = {"names_ja": "渡辺", "names_en": "Sarah", "names_pt": "Maria", "en2ja": ""}


def make_clips(task: str, count: int = 60) -> list[Clip]:
    """Draw clips of a task that all have a list."""
    voice = Voice("openjtalk")
    noise = np.random.default_rng(0).integers(-8000, 8000, 6400, dtype=np.int16)
    spoken = {
        kind: [SpokenSentence(text.format(USUAL[kind]), "駅", "a", voice, noise)] for kind, text in SENTENCES.items()
    }
    maker = ClipMaker(spoken, {task: 1.0}, seed=1, contexts={task: 1.0})
    return [maker.draw() for _ in range(count)]


@pytest.mark.parametrize(
    ("task", "group"),
    [
        ("names_ja", "渡辺 渡邊 渡邉 渡部"),
        ("names_en", "Sarah Sara"),
        ("names_pt", "Maria Mariah"),
    ],
)
def test_the_answer_has_the_spelling_of_the_list_and_else_the_usual_one(task, group):
    usual, *others = group.split()
    written = set()
    for clip in make_clips(task):
        assert list(clip.listed) == re.split(r"[、,; \n]+", clip.context)
        listed = [name for name, spoken in clip.listed.items() if spoken == usual]
        assert len(listed) <= 1
        expected = SENTENCES[task].format(*listed or [usual])
        assert expected in clip.answer and expected in clip.transcript
        written |= set(listed)
    known = names.every_name(SPOKEN_LANGUAGE[task])
    assert usual in written and written.intersection(known) <= {usual, *others}
    assert len(written.difference(known)) > 10  # most are invented


def test_a_list_changes_nothing_where_no_name_is_spoken():
    for clip in make_clips("en2ja", 20):
        assert clip.context and set(clip.answer) == {"駅"}
    for clip in make_clips("silence", 40):
        assert clip.context and clip.answer in ("", "language None<asr_text>")


def test_without_speech_there_is_silence_or_noise():
    loudest = [np.abs(clip.waveform).max() for clip in make_clips("silence", 40)]
    assert {level > 0 for level in loudest} == {True, False} and max(loudest) <= 1


def test_a_name_is_in_one_group_only_and_some_spellings_are_never_written():
    for language, groups in names.GROUPS.items():
        every = [name for group in groups for name in group] + names.OTHERS[language]
        assert len(every) == len(set(every))
        rng = random.Random(0)
        drawn = [contexts.choose_spellings(rng, language, names.usual_names(language)) for _ in range(200)]
        chosen = {name for spellings in drawn for name in spellings.values()}
        expected = {name for group in groups for name in group} - set(names.ONLY_LISTED[language])
        assert chosen & {*names.every_name(language)} == expected
        lists = {name for _ in range(300) for name in names.draw_list(rng, language)}
        assert lists >= set(names.ONLY_LISTED[language])


@pytest.mark.parametrize("language", names.GROUPS)
def test_an_invented_spelling_is_new_and_resembles_the_name(language):
    rng = random.Random(0)
    known = names.every_name(language)
    for name in names.usual_names(language) * 5:
        invented = invent(rng, language, name)
        assert invented not in known and len(invented) >= 2
        assert names.whole_names([invented]).fullmatch(invented)
        assert set(invented.lower()) & set(name.lower())


@pytest.mark.parametrize(("kind", "language"), pool.NAMES.items())
def test_every_sentence_with_names_has_names_of_a_group(kind, language):
    maker = pool.MAKERS[kind](0)
    for _ in range(100):
        assert names.find_names(maker.draw().text, names.usual_names(language))


def test_training_sees_the_prompt_that_transcription_sends():
    qwen = load_qwen_model(str(ROOT / "assets" / "tiny"))
    losses = TinyLosses(qwen.processor, set())
    for language, context in (("Portuguese", "Thiago, Luiz"), ("", "渡邊、髙橋"), ("English", ""), ("", "Sara\nMarc")):
        clip = Clip(np.zeros(0, np.float32), language, "", "", "", (), context)
        sent = build_prompt(qwen, language or None, context)
        assert losses.prompt(clip) == qwen.processor.tokenizer(sent).input_ids


def test_new_heads_learn_first_without_the_model():
    losses = TinyLosses(load_qwen_model(str(ROOT / "assets" / "tiny")).processor, {"a", CHANGE})
    clips = make_clips("names_ja", 2)
    sum(losses(clips, whole=True, heads_only=True).values()).backward()
    assert losses.ctc_head.weight.grad.isfinite().all()
    assert all(parameter.grad is None for parameter in losses.model.parameters())
    sum(losses(clips, whole=True).values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in losses.model.parameters())


def test_names_are_counted_by_how_the_person_spells_them():
    clip = NamedClip(np.zeros(0, np.float32), "Portuguese", "Luís e Artur.", {"Luís": "Luiz", "Artur": "Arthur"})
    for text, expected in (
        ("Luiz e Arthur.", (2, 0, 0, 0, "Luís e Artur.")),
        ("Luís e Arthur.", (2, 1, 0, 0, "Luís e Artur.")),
        ("Luzia e Thiago.", (2, 2, 2, 1, "Luzia e Tiago.")),
        ("Duarte, Luiz e Arthur.", (2, 0, 0, 1, "Duarte, Luís e Artur.")),
    ):
        assert astuple(count(clip, text)) == expected


def test_the_right_list_has_the_persons_spelling_and_the_wrong_list_no_spelling():
    clip = NamedClip(np.zeros(0, np.float32), "English", "I am Mark.", {"Mark": "Marc"})
    for seed in range(50):
        for kind, expected in (("right", {"Marc"}), ("usual", {"Mark"}), ("none", set()), ("wrong", set())):
            context = clip.context(random.Random(seed), kind)
            assert set(names.find_names(context, ["Mark", "Marc"])) == expected
            assert bool(context) == (kind != "none")
