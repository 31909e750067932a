"""The trainings of the tiny models on a little noise: stages, resuming, and the result."""

from __future__ import annotations

import random
from itertools import repeat
from pathlib import Path

import numpy as np
import pytest
import torch
from qwen_asr.core.transformers_backend import Qwen3ASRProcessor
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from benchmarks.served import ROOT
from kikitori.model.aligner import align_turns, load_qwen_aligner
from kikitori.model.qwen import load_qwen_model
from kikitori.transcript import Turn
from training.checkpoints import BaseError
from training.synthesis import clips
from training.synthesis.timed_speech import TimedSentence
from training.synthesis.voices import TRAINING_HALF_TONES, SpokenSentence, Voice
from training.tiny import aligner_clips, stages, train, train_aligner, train_calls, train_languages, train_names
from training.tiny.architecture import add_layers, build_model, load_checkpoint, save_checkpoint
from training.tiny.strip_speakers import strip_speakers

pytestmark = pytest.mark.slow

KILLED_IN_STEP = 5
SENTENCES = {"call": "はい。", "ja2en": "はい。", "en2ja": "Yes.", "pt": "Bom dia."}
SENTENCES |= {"names_ja": "佐藤です。", "names_en": "Hello, Sarah.", "names_pt": "Bom dia, Tiago."}
TRANSLATIONS = {"ja2en": "Yes.", "en2ja": "はい。"}


class Killed(BaseException):
    """Derived from BaseException, so that nothing catches it."""


def noise(seed: int) -> np.ndarray:
    """Return 0.4 s of noise as int16, as in a shard."""
    return np.random.default_rng(seed).integers(-8000, 8000, 6400, dtype=np.int16)


def voices(kind: str) -> list[Voice]:
    if kind in train.pools.JAPANESE_KINDS:
        return [Voice("openjtalk", half_tone=half_tone) for half_tone in TRAINING_HALF_TONES]
    return [Voice("en-us" if kind in train.pools.ENGLISH_KINDS else "pt-br", "m1")]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Use few and short clips, and save checkpoints often."""
    monkeypatch.setattr(stages, "SAVE_STEPS", 2)
    monkeypatch.setattr(stages, "WARMUP_STEPS", 1)
    monkeypatch.setattr(clips, "BATCH_CLIPS", 2)
    monkeypatch.setattr(clips, "BATCHES_SORTED_TOGETHER", 3)
    monkeypatch.setattr(train, "HEADS_STEPS", 1)
    monkeypatch.setattr(train, "tokenizer_texts", lambda: [*SENTENCES.values()] * 3)
    monkeypatch.setattr(
        train,
        "STAGES",
        (
            train.TinyStage(3, clips.SENTENCES_MIX, False),
            train.TinyStage(4, clips.NAMES_MIX, True),
        ),
    )
    pool = {
        kind: [
            SpokenSentence(text, TRANSLATIONS.get(kind, ""), "a b", voice, noise(number))
            for number, voice in enumerate(voices(kind))
        ]
        for kind, text in SENTENCES.items()
    }
    monkeypatch.setattr(train.pools, "load_or_make", lambda folder, count: pool)


def kill_in_step(monkeypatch, number: int) -> None:
    step, steps = stages.SumTrainer.training_step, []

    def training_step(self, *arguments):
        steps.append(number)
        if len(steps) == number:
            raise Killed
        return step(self, *arguments)

    monkeypatch.setattr(stages.SumTrainer, "training_step", training_step)


@pytest.mark.parametrize("first", [0, 2, 4, 6])
def test_each_stage_and_each_checkpoint_starts_a_new_seed(first):
    planned = [stages.TrainingStage(3, lambda seed: (("short", seed, n) for n in range(9)))]
    planned.append(stages.TrainingStage(4, lambda seed: (("long", seed, n) for n in range(9))))
    short = [("short", 0, 0), ("short", 0, 1), ("short", 2, 0)]
    long = [("long", 3, 0), ("long", 4, 0), ("long", 4, 1), ("long", 6, 0)]
    assert list(stages.Batches(planned, first)) == [*short, *long][first:]


@pytest.mark.parametrize("first", [0, 2, 5])
def test_workers_share_the_steps_and_resume_with_the_same_batches(first):
    def draw(seed):
        step, worker = divmod(seed, 3)
        return (range(step, 9)[(worker - step) % 3 :: 3][n] for n in range(9))

    planned = [stages.TrainingStage(5, draw), stages.TrainingStage(4, draw)]
    loader = DataLoader(stages.Batches(planned, first), batch_size=None, num_workers=3)
    assert list(loader) == list(range(first, 9))


@pytest.fixture
def start(tmp_path):
    """Return the folder of a checkpoint with four decoder layers and random weights."""
    torch.manual_seed(0)
    processor = Qwen3ASRProcessor.from_pretrained(ROOT / "assets" / "tiny")
    save_checkpoint(build_model(processor.tokenizer), processor, tmp_path / "start")
    return tmp_path / "start"


def test_a_checkpoint_is_trained_in_as_many_steps_as_asked_for(tmp_path, start):
    output = tmp_path / "output"
    processor = Qwen3ASRProcessor.from_pretrained(start)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train, "build_processor", lambda texts: processor)
        options = ["--output_dir", str(output), "--work", str(tmp_path), "--start", str(start), "--steps", "3"]
        assert train.main(options) == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (start, output))
    assert before.keys() == after.keys()
    changed = [(after[name].float() - tensor.float()).abs().max().item() for name, tensor in before.items()]
    assert 0 < max(changed) < 0.1  # the weights are still those of the checkpoint, a little trained


def test_lists_of_names_change_the_decoders_layers_alone_even_if_a_run_is_killed(tmp_path, start, monkeypatch):
    def options(output, *more):
        names = ["--start", str(start), "--work", str(tmp_path), "--steps", "3", "--seed", "1", *more]
        return [*names, "--output_dir", str(tmp_path / output)]

    monkeypatch.setattr(train_names, "WARMUP_STEPS", 1)
    monkeypatch.setattr(train_names, "BATCHES_ENLARGED", 1)
    assert train_names.main(options("whole", "--teacher", str(start))) == 0  # as without
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(patched, 3)
        train_names.main(options("killed"))
    assert train_names.main(options("killed")) == 0
    before, whole, killed = (
        load_file(folder / "model.safetensors") for folder in (start, tmp_path / "whole", tmp_path / "killed")
    )
    assert whole.keys() == killed.keys() > before.keys()
    assert all(tensor.equal(killed[name]) for name, tensor in whole.items())
    changed = {name for name, tensor in before.items() if not tensor.equal(whole[name])}
    trained = {name for name in before if name.startswith("thinker.model.layers.")}
    assert {name for name in trained if "proj" in name} <= changed <= trained
    assert all(whole[f"thinker.model.layers.{number}.self_attn.o_proj.weight"].any() for number in (4, 5, 6))
    assert load_qwen_model(str(tmp_path / "whole")).model.config.thinker_config.text_config.num_hidden_layers == 7


def assert_only_layers_changed(before: Path, after: Path) -> None:
    """The decoder's layers are others, and all other weights the same."""
    old, new = (load_file(folder / "model.safetensors") for folder in (before, after))
    changed = {name for name, tensor in old.items() if not tensor.equal(new[name])}
    assert changed and all(name.startswith("thinker.model.layers.") for name in changed)


@pytest.mark.slow
def test_unusual_voices_get_their_language(tmp_path, start, monkeypatch):
    spoken = SpokenSentence("Bom dia.", "", "", Voice("pt-br", "zac"), noise(9).astype(np.float32) / 32767)
    monkeypatch.setattr(train_languages, "speak_unusual", lambda rng: repeat(("Portuguese", spoken)))
    monkeypatch.setattr(train_languages, "CLIPS_AT_ONCE", 4)
    options = ["--start", str(start), "--work", str(tmp_path), "--steps", "20", "--sentences", "6"]
    assert train_languages.main([*options, "--output_dir", str(tmp_path / "output")]) == 0
    errors = []
    for folder in (start, tmp_path / "output"):
        losses = train_languages.LanguageLosses(folder)
        heard = [train_languages.mix(random.Random(1), "Portuguese", spoken)]
        errors.append(losses.language_errors(heard).item())
    assert errors[1] < errors[0] - 1
    assert_only_layers_changed(start, tmp_path / "output")


@pytest.mark.slow
def test_calls_are_learned(tmp_path, start):
    output = tmp_path / "output"
    options = ["--start", str(start), "--work", str(tmp_path), "--steps", "20", "--output_dir", str(output)]
    assert train_calls.main(options) == 0
    errors = []
    for folder in (start, output):
        losses = train_calls.CallLosses(folder)
        inputs = next(train_calls.draw_inputs(train.pools.load_or_make(tmp_path, 1), losses.processor, seed=5, run=0))
        with torch.no_grad():
            errors.append(losses(**inputs)["calls"].item())
    assert errors[1] < 0.9 * errors[0]
    assert_only_layers_changed(start, output)


def test_a_teacher_with_another_tokenizer_is_refused(tmp_path, start):
    strip_speakers(start, tmp_path / "other")
    with pytest.raises(BaseError, match="has another tokenizer"):
        train_names.NameLosses(start, [tmp_path / "other"])


def test_a_checkpoint_that_knows_lists_is_not_trained_without_them(tmp_path, start, capsys):
    processor, model = load_checkpoint(start)
    add_layers(model)
    save_checkpoint(model, processor, tmp_path / "grown")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(train, "build_processor", lambda texts: processor)
        output = str(tmp_path / "output")
        assert train.main(["--output_dir", output, "--work", str(tmp_path), "--start", str(tmp_path / "grown")]) == 1
    assert "has 7 decoder layers, not 4" in capsys.readouterr().err


def test_a_resumed_run_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train.main(["--output_dir", str(whole), "--work", str(tmp_path)]) == 0
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(patched, KILLED_IN_STEP)
        train.main(["--output_dir", str(killed), "--work", str(tmp_path)])
    assert not (killed / "model.safetensors").exists()
    assert train.main(["--output_dir", str(killed), "--work", str(tmp_path)]) == 0
    expected = load_file(whole / "model.safetensors")
    for name, tensor in load_file(killed / "model.safetensors").items():
        assert tensor.equal(expected[name]), name
    assert not (killed / "checkpoints").exists()
    torch.manual_seed(0)
    initial = train.build_model(train.build_processor(train.tokenizer_texts()).tokenizer).state_dict()
    for name in ("thinker.audio_tower.layers.0.fc1.weight", "thinker.model.layers.0.mlp.up_proj.weight"):
        assert not initial[name].to(torch.bfloat16).equal(expected[name])


def test_the_projector_is_scaled_once_before_the_decoder_is_trained(tmp_path, monkeypatch):
    events = []
    step = stages.SumTrainer.training_step
    match = train.TinyLosses.match_audio_to_text

    def training_step(self, *arguments):
        events.append(self.state.global_step)
        return step(self, *arguments)

    def match_audio_to_text(self, clips):
        events.append("scaled")
        match(self, clips)

    monkeypatch.setattr(stages.SumTrainer, "training_step", training_step)
    monkeypatch.setattr(train.TinyLosses, "match_audio_to_text", match_audio_to_text)
    train.train(tmp_path / "model", tmp_path, None)
    assert events == [0, 1, 2, "scaled", 3, 4, 5, 6]


def test_checkpoints_of_another_recipe_are_refused(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(patched, 3)
        train.main(["--output_dir", str(tmp_path), "--work", str(tmp_path)])
    monkeypatch.setattr(train, "STAGES", train.STAGES[:1])
    assert train.main(["--output_dir", str(tmp_path), "--work", str(tmp_path)]) == 1
    assert "holds a run with steps [3, 4], not [3]" in capsys.readouterr().err


def test_the_aligner_training_writes_a_loadable_aligner(tmp_path, monkeypatch):
    monkeypatch.setattr(aligner_clips, "MIX", {"pt": 1.0})
    text = SENTENCES["pt"]
    times = np.linspace(0, 0.4, len(text) + 1, dtype=np.float32)
    spoken = TimedSentence(text, Voice("pt-br", "m1"), noise(0), np.stack([times[:-1], times[1:]], axis=1))
    monkeypatch.setattr(aligner_clips, "load_or_make", lambda folder: {"pt": [spoken]})
    output = tmp_path / "aligner"
    assert train_aligner.main(["--output_dir", str(output), "--work", str(tmp_path), "--steps", "4"]) == 0
    before = load_file(ROOT / "assets" / "tiny" / "model.safetensors")
    after = load_file(output / "model.safetensors")
    changed = {name.split(".")[1] for name, tensor in before.items() if not tensor.equal(after[name])}
    assert changed == {"model"}  # the encoder is frozen
    (word,) = (
        align_turns(load_qwen_aligner(str(output)), noise(0) / np.float32(32767), [Turn(None, "Dia")], "Portuguese")
        .turns[0]
        .words
    )
    assert word.text == "Dia"
