"""The tiny models' recipes, on a few made-up sounds: they run through their stages, and survive a kill."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import load_file

from speech.alignment import align_turns, load_stock_aligner
from speech.transcript import Turn
from training import aligner, aligner_clips, batches, stages, tiny
from training.speech import TRAINING_HALF_TONES, Utterance, Voice
from training.timed_speech import TimedUtterance

KILLED_IN_STEP = 5
SENTENCES = {"call": "はい。", "ja2en": "はい。", "en2ja": "Yes.", "pt": "Bom dia."}
TRANSLATIONS = {"call": "", "ja2en": "Yes.", "en2ja": "はい。", "pt": ""}


class Killed(BaseException):
    """What nobody catches."""


def sound(seed: int) -> np.ndarray:
    """0.4 s of noise as the pool keeps sound."""
    return np.random.default_rng(seed).integers(-8000, 8000, 6400, dtype=np.int16)


def voices(kind: str) -> list[Voice]:
    if kind in ("call", "ja2en"):
        return [Voice("openjtalk", half_tone=half_tone) for half_tone in TRAINING_HALF_TONES]
    return [Voice("en-us" if kind == "en2ja" else "pt-br", "m1")]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few and short clips, and checkpoints often."""
    monkeypatch.setattr(stages, "SAVE_STEPS", 2)
    monkeypatch.setattr(stages, "WARMUP_STEPS", 1)
    monkeypatch.setattr(batches, "BATCH_CLIPS", 2)
    monkeypatch.setattr(batches, "BATCHES_SORTED_TOGETHER", 3)
    monkeypatch.setattr(tiny, "tokenizer_texts", lambda: [*SENTENCES.values()] * 3)
    monkeypatch.setattr(tiny, "STAGES", (tiny.Stage(3, batches.SENTENCES_MIX, False), tiny.Stage(4, batches.MIX, True)))
    pool = {
        kind: [
            Utterance(text, TRANSLATIONS[kind], "a b", voice, sound(number))
            for number, voice in enumerate(voices(kind))
        ]
        for kind, text in SENTENCES.items()
    }
    monkeypatch.setattr(tiny.pools, "load_or_make", lambda folder: pool)


def kill_in_step(monkeypatch, number: int) -> None:
    step, steps = stages.SumTrainer.training_step, []

    def training_step(self, *arguments):
        steps.append(number)
        if len(steps) == number:
            raise Killed
        return step(self, *arguments)

    monkeypatch.setattr(stages.SumTrainer, "training_step", training_step)


@pytest.mark.parametrize("first", [0, 2, 4, 6])
def test_each_stage_and_checkpoint_begins_a_new_seed(first):
    planned = [stages.Stage(3, lambda seed: (("short", seed, n) for n in range(9)))]
    planned.append(stages.Stage(4, lambda seed: (("long", seed, n) for n in range(9))))
    short = [("short", 0, 0), ("short", 0, 1), ("short", 2, 0)]
    long = [("long", 3, 0), ("long", 4, 0), ("long", 4, 1), ("long", 6, 0)]
    assert list(stages.Batches(planned, first)) == [*short, *long][first:]


@pytest.mark.slow
def test_a_killed_run_of_the_tiny_checkpoint_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert tiny.main(["--output_dir", str(whole), "--work", str(tmp_path)]) == 0
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(patched, KILLED_IN_STEP)
        tiny.main(["--output_dir", str(killed), "--work", str(tmp_path)])
    assert not (killed / "model.safetensors").exists()
    assert tiny.main(["--output_dir", str(killed), "--work", str(tmp_path)]) == 0
    expected = load_file(whole / "model.safetensors")
    for name, tensor in load_file(killed / "model.safetensors").items():
        assert tensor.equal(expected[name]), name
    assert not (killed / "checkpoints").exists()
    torch.manual_seed(0)
    begun = tiny.build_model(tiny.build_processor(tiny.tokenizer_texts()).tokenizer).state_dict()
    for name in ("thinker.audio_tower.layers.0.fc1.weight", "thinker.model.layers.0.mlp.up_proj.weight"):
        assert not begun[name].to(torch.bfloat16).equal(expected[name])


@pytest.mark.slow
def test_the_projector_is_scaled_where_the_decoder_joins_and_only_there(tmp_path, monkeypatch):
    scaled = []
    step = stages.SumTrainer.training_step
    match = tiny.Losses.match_audio_to_text

    def training_step(self, *arguments):
        scaled.append(self.state.global_step)
        return step(self, *arguments)

    def match_audio_to_text(self, clips):
        scaled.append("scaled")
        match(self, clips)

    monkeypatch.setattr(stages.SumTrainer, "training_step", training_step)
    monkeypatch.setattr(tiny.Losses, "match_audio_to_text", match_audio_to_text)
    tiny.train(tmp_path / "model", tmp_path, None)
    assert scaled == [0, 1, 2, "scaled", 3, 4, 5, 6]


@pytest.mark.slow
def test_another_recipe_does_not_go_on_with_these_checkpoints(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(patched, 3)
        tiny.main(["--output_dir", str(tmp_path), "--work", str(tmp_path)])
    monkeypatch.setattr(tiny, "STAGES", tiny.STAGES[:1])
    assert tiny.main(["--output_dir", str(tmp_path), "--work", str(tmp_path)]) == 1
    assert "holds a run with steps [3, 4], not [3]" in capsys.readouterr().err


@pytest.mark.slow
def test_the_aligners_recipe_writes_one_that_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(aligner_clips, "MIX", {"pt": 1.0})
    text = SENTENCES["pt"]
    times = np.linspace(0, 0.4, len(text) + 1, dtype=np.float32)
    spoken = TimedUtterance(text, Voice("pt-br", "m1"), sound(0), np.stack([times[:-1], times[1:]], axis=1))
    monkeypatch.setattr(aligner_clips, "load_or_make", lambda folder: {"pt": [spoken]})
    output = tmp_path / "aligner"
    assert aligner.main(["--output_dir", str(output), "--work", str(tmp_path), "--steps", "4"]) == 0
    before = load_file(ROOT / "assets" / "tiny" / "model.safetensors")
    after = load_file(output / "model.safetensors")
    moved = {name.split(".")[1] for name, tensor in before.items() if not tensor.equal(after[name])}
    assert moved == {"model"}  # the encoder stays as it is
    (word,) = (
        align_turns(load_stock_aligner(str(output)), sound(0) / np.float32(32767), [Turn(None, "Dia")], "Portuguese")
        .turns[0]
        .words
    )
    assert word.text == "Dia"
