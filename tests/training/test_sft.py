"""Fine-tuning of the tiny checkpoint on real recordings: loss, resuming, several processes, and the result."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer

from benchmarks.served import ROOT
from evaluation.data import Source
from kikitori.model.qwen import build_prompt, load_qwen_model
from kikitori.tasks import TASKS
from kikitori.transcribe import load_model, transcribe
from tests.support.recordings import EXAMPLES, RECORDINGS
from training.collator import Collator, SampleDataset
from training.manifest import read_manifest
from training.prepare import prepare
from training.sft import RECIPES, main
from training.sharding import load_weights
from training.trainable import IGNORED, load_trainable
from training.trainer import Settings

pytestmark = pytest.mark.slow

TINY = ROOT / "assets" / "tiny"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Manifests of the tests' recordings for training, and of the examples for evaluation."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("en2ja", "ja2en", "pt"):
        prepare(Source(str(RECORDINGS)), TASKS[name], folder / name)
        prepare(Source(str(EXAMPLES)), TASKS[name], folder / f"{name}-test")
    return folder


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """The tiny checkpoint with noise on its projector, so that training can improve it."""
    from training.checkpoints import write_checkpoint

    folder = tmp_path_factory.mktemp("damaged")
    name = "thinker.audio_tower.proj2.weight"
    weight = load_file(TINY / "model.safetensors")[name].float()
    noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)) * weight.std()
    write_checkpoint(TINY, folder, {name: weight + 0.7 * noise})
    return folder


def command(data, base, output, *options: str) -> list[str]:
    trained = [str(data / name / "manifest.jsonl") for name in ("en2ja", "ja2en")]
    words = ["--recipe", "translation", "--base", str(base), "--train", *trained]
    words += ["--evaluation", str(data / "ja2en-test" / "manifest.jsonl"), "--output_dir", str(output)]
    return [*words, "--batch_size", "4", "--accumulation", "1", "--save_steps", "2", *options]


def evaluation_losses(output) -> dict[int, float]:
    last = max((output / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    history = json.loads((last / "trainer_state.json").read_text())["log_history"]
    return {entry["step"]: entry["eval_loss"] for entry in history if "eval_loss" in entry}


def test_the_recipes_equal_the_cards():
    translation, portuguese = RECIPES["translation"], RECIPES["portuguese"]
    assert translation.batch_size * translation.accumulation == 64
    assert portuguese.batch_size * portuguese.accumulation == 184
    assert (translation.learning_rate, translation.scheduler, translation.warmup_ratio) == (1e-5, "cosine", 0.03)
    assert (portuguese.learning_rate, portuguese.scheduler, portuguese.warmup_ratio) == (2e-5, "linear", 0.02)
    assert (translation.epochs, portuguese.epochs) == (1.3, 4.0)


def test_qwens_own_recipe_is_for_any_language():
    assert RECIPES["transcribe"] == Settings(2e-5, "linear", 0.02, 32, 4, 1.0, 200)


def test_the_loss_equals_qwen_asrs_loss_on_the_target_text(data):
    model, processor = load_trainable(TINY)
    samples = [read_manifest(data / name / "manifest.jsonl")[0] for name in ("en2ja", "pt")]
    dataset = SampleDataset(samples)
    batch = Collator(processor)([dataset[0], dataset[1]])
    tokenizer = processor.tokenizer
    prompt = build_prompt(load_qwen_model(str(TINY)), None)
    for row, sample in enumerate(samples):
        kept = batch["attention_mask"][row].bool()
        ids, labels = batch["input_ids"][row][kept], batch["labels"][row][kept]
        unlabelled = tokenizer.decode(ids[labels == IGNORED])
        assert re.sub(r"(<\|audio_pad\|>)+", "<|audio_pad|>", unlabelled) == prompt
        assert tokenizer.decode(labels[labels != IGNORED]) == sample.text + "<|im_end|>"
    with torch.no_grad():
        loss = model(**batch)["loss"]
        expected = model.thinker(**batch).loss
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=1e-5)


def test_training_lowers_the_evaluation_loss_and_the_result_transcribes(data, damaged, tmp_path, capsys):
    output = tmp_path / "model"
    assert main(command(data, damaged, output, "--epochs", "3", "--learning_rate", "3e-4", "--save_steps", "3")) == 0
    assert "training: 12 of 12 samples used, 12 with balanced languages" in capsys.readouterr().out
    losses = evaluation_losses(output)
    assert list(losses) == [3, 6, 9]
    (evaluated,) = SampleDataset(read_manifest(data / "ja2en-test" / "manifest.jsonl"))
    model, processor = load_trainable(damaged)
    with torch.no_grad():
        before = model(**Collator(processor)([evaluated]))["loss"].item()
    assert min(losses.values()) < 0.9 * before
    assert (output / "config.json").read_bytes() == (TINY / "config.json").read_bytes()
    model = load_model("ja2en", checkpoint=str(output))
    assert transcribe(model, EXAMPLES / "japanese_travel.flac").turns[0].text

    best = min(losses, key=losses.get)
    trained, _ = load_trainable(TINY)
    load_weights(trained, output / "checkpoints" / f"checkpoint-{best}" / "weights")
    checkpoint = trained.state_dict()
    for name, tensor in load_file(output / "model.safetensors").items():
        assert tensor.equal(checkpoint[name].to(torch.bfloat16)), name


class Killed(BaseException):
    """Derived from BaseException, so that nothing catches it."""


def kill_in_step(number: int, monkeypatch) -> None:
    step = Trainer.training_step

    def training_step(self, *arguments):
        if self.state.global_step == number - 1:
            raise Killed
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "training_step", training_step)


def test_a_resumed_run_ends_with_the_same_weights(data, tmp_path, capsys, monkeypatch):
    """The run is killed in its second epoch, whose samples have another order than those of the first."""
    options = ("--epochs", "2")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(command(data, TINY, whole, *options)) == 0
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill_in_step(6, patched)
        main(command(data, TINY, killed, *options))
    assert not (killed / "model.safetensors").exists()
    half_written = killed / "checkpoints" / "checkpoint-6"
    half_written.mkdir()
    (half_written / "model.safetensors").write_bytes(b"half of")
    assert main(command(data, TINY, killed, *options)) == 0
    assert evaluation_losses(killed) == evaluation_losses(whole)
    expected = load_file(whole / "model.safetensors")
    for name, tensor in load_file(killed / "model.safetensors").items():
        assert tensor.equal(expected[name]), name

    assert main(command(data, TINY, killed, "--epochs", "3")) == 1
    assert "holds a run with epochs 2.0, not 3.0" in capsys.readouterr().err
    told = tmp_path / "told.jsonl"
    write_told(data / "ja2en" / "manifest.jsonl", told, "Kyoto")
    assert (
        main(command(data, TINY, killed, *options, "--train", str(data / "en2ja" / "manifest.jsonl"), str(told))) == 1
    )
    assert "holds a run with train_sha256 " in capsys.readouterr().err


def write_told(manifest, copy, context):
    """Copy a manifest, with a context in each line."""
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    told = [line | {"audio": str(manifest.parent / line["audio"]), "context": context} for line in lines]
    copy.write_text("".join(json.dumps(line) + "\n" for line in told), encoding="utf-8")


def train_with_two_processes(words: list[str]) -> None:
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "training.sft"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, *launch, *words], cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def float32_weights(output, step: int) -> torch.Tensor:
    """Return all weights of a checkpoint in one row."""
    model, _ = load_trainable(TINY)
    load_weights(model, output / "checkpoints" / f"checkpoint-{step}" / "weights")
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


def without_the_last_checkpoint(output, copy):
    """Copy a run as if it had been killed in its fifth update."""
    shutil.copytree(output, copy)
    shutil.rmtree(copy / "checkpoints" / "checkpoint-5")
    (copy / "model.safetensors").unlink()
    return copy


def time_of_checkpoint_4(output) -> int:
    return (output / "checkpoints" / "checkpoint-4" / "trainer_state.json").stat().st_mtime_ns


def test_two_processes_train_the_same_weights_as_one_and_each_resumes_the_run_of_the_other(data, tmp_path):
    """All runs use the same 4 samples per update. An epoch has 3 updates; a resumed run begins with the fifth."""
    one, two = tmp_path / "one", tmp_path / "two"
    options = ("--epochs", "1.6", "--batch_size", "2", "--accumulation", "2", "--save_steps", "4")
    assert main(command(data, TINY, one, *options)) == 0
    train_with_two_processes(command(data, TINY, two, *options))
    resumed = without_the_last_checkpoint(two, tmp_path / "resumed")
    assert main(command(data, TINY, resumed, *options)) == 0
    shared = without_the_last_checkpoint(one, tmp_path / "shared")
    train_with_two_processes(command(data, TINY, shared, *options))

    for run, origin in ((resumed, two), (shared, one)):  # not begun again, which would give the same weights
        assert time_of_checkpoint_4(run) == time_of_checkpoint_4(origin)

    alone = float32_weights(one, 5)
    moved = (alone - torch.cat([weight.detach().flatten() for weight in load_trainable(TINY)[0].parameters()])).norm()
    for output in (two, resumed, shared):
        difference = float32_weights(output, 5) - alone
        assert difference.abs().max() <= 1e-5
        assert difference.norm() <= 0.002 * moved
    model = load_model("ja2en", checkpoint=str(resumed))
    assert transcribe(model, EXAMPLES / "japanese_travel.flac").turns[0].text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--learning_rate", "0"), "--learning_rate 0.0 is not positive"),
        (("--evaluation", "none.jsonl"), "none.jsonl can't be read as a manifest"),
        (("--base", "assets"), "assets is not a checkpoint folder"),
        (("--base", "nobody/nothing"), "give the folder of a copy, or use the checkpoint tiny"),
        (("--base", "tiny", "--output_dir", str(TINY)), "is the base itself: choose another folder"),
    ],
)
def test_unusable_options_are_refused_with_the_reason(data, tmp_path, capsys, options, message):
    assert main(command(data, TINY, tmp_path / "model", *options)) == 1
    assert message in capsys.readouterr().err


def test_training_on_evaluation_speech_is_refused(data, tmp_path, capsys):
    overlapping = str(data / "ja2en" / "manifest.jsonl")
    assert main(command(data, TINY, tmp_path / "model", "--evaluation", overlapping)) == 1
    assert "6 of 12 training samples are also in the evaluation data" in capsys.readouterr().err


def test_an_accumulation_that_processes_cannot_share_is_refused(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert main(command(data, TINY, tmp_path / "model", "--accumulation", "8")) == 1
    assert "3 processes: give an --accumulation that is a multiple of 3" in capsys.readouterr().err
