"""How the page starts: its checkpoints, its queue, and its work on a borrowed GPU."""

from __future__ import annotations

import inspect
import pickle
import shutil

import numpy as np
import pytest
import torch

from kikitori.engines import zero_gpu
from kikitori.engines.engine import Prompt
from kikitori.model.qwen import load_qwen_model
from kikitori.page import app, tabs
from kikitori.result import Alignment, DecodingResult
from kikitori.tasks import TINY, TINY_ALIGNER
from tests.support.page import CHECKPOINTS, MADE


def test_the_gpu_is_requested_for_the_length_of_the_sound():
    windows = (np.zeros(15 * 16000, np.float32),) * 2
    assert zero_gpu.gpu_seconds(zero_gpu.StreamRequest(TINY, TINY_ALIGNER, windows, Prompt("Portuguese"))) == 30
    window = np.zeros(120 * 16000, np.float32)
    assert zero_gpu.gpu_seconds(zero_gpu.AlignRequest(TINY, TINY_ALIGNER, window, MADE.turns, "Japanese")) == 75


def test_the_gpu_function_and_its_duration_take_the_same_arguments():
    asked, run = (inspect.signature(function) for function in (zero_gpu.gpu_seconds, zero_gpu.run_on_gpu))
    assert list(asked.parameters) == list(run.parameters)


def test_what_comes_back_from_a_gpu_worker_can_be_pickled():
    for made in ([DecodingResult("はい。", "end", (1, 2), (-0.1, 0.0))], Alignment(MADE.turns, 1)):
        assert pickle.loads(pickle.dumps(made)) == made


def test_on_zero_gpu_the_model_is_moved_after_loading(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    model = load_qwen_model(str(TINY.folder), torch.bfloat16, "meta")
    assert {parameter.device.type for parameter in model.model.parameters()} == {"meta"}


@pytest.mark.slow
def test_texts_are_compared_one_after_another():
    (compared,) = [fn for fn in tabs.build_page(CHECKPOINTS).fns.values() if fn.name == "compare_shown"]
    assert compared.queue and compared.concurrency_limit == 1 and compared.concurrency_id != "model"


def test_jobs_of_programs_and_visitors_share_one_limit():
    """Gradio applies the lowest limit of all events that share a queue."""
    served = [fn for fn in tabs.build_page(CHECKPOINTS).fns.values() if fn.concurrency_id == "model"]
    assert served and {fn.concurrency_limit for fn in served} == {tabs.MAX_AT_ONCE}


def test_the_environment_chooses_the_checkpoint(monkeypatch, tmp_path):
    (tmp_path / "config.json").touch()
    shutil.copy(TINY.folder / "model.safetensors", tmp_path)
    monkeypatch.setenv("SPEECH_CHECKPOINT", f"tiny pt={tmp_path}")
    _, checkpoints, _ = app.parse_options([])
    assert (checkpoints["base"], checkpoints["pt"].folder) == (TINY, tmp_path)
    _, checkpoints, _ = app.parse_options(["--checkpoint", f"base={tmp_path}"])
    assert (checkpoints["base"].folder, checkpoints["pt"].folder) == (tmp_path, None)


def test_revisions_of_the_environment_and_of_the_options_add_up(monkeypatch, capsys):
    monkeypatch.setenv("SPEECH_REVISION", "Qwen/Qwen3-ASR-1.7B=abc  Qwen/Qwen3-ForcedAligner-0.6B=def\n")
    _, checkpoints, _ = app.parse_options(["--revision", "yuriyvnv/Qwen3-ASR-1.7B-PT=ghi"])
    assert [checkpoints[role].revision for role in ("base", "aligner", "pt")] == ["abc", "def", "ghi"]
    with pytest.raises(SystemExit):
        app.main(["--checkpoint", "tiny"])
    assert "error: the revision Qwen/Qwen3-ASR-1.7B=abc does not apply to any checkpoint" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ("pt=/nope", "error: the checkpoint folder /nope does not exist: give the folder that holds config.json"),
        ("/nope", "error: the checkpoint /nope is given without the name of what it is for: write NAME=/nope"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_ends_the_program_at_once(capsys, choice, sentence):
    with pytest.raises(SystemExit) as caught:
        app.main(["--checkpoint", choice])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no *.safetensors file"),
        ({"model.safetensors": slice(-100)}, "model.safetensors is damaged or cut off"),
        ({"model.safetensors": slice(100, None)}, "model.safetensors is damaged or cut off"),
        ({"model.bin": slice(100)}, "which could run any code when it is read"),
    ],
    ids=["missing", "cut off", "damaged", "pickled"],
)
def test_weights_that_cannot_be_read_end_the_program_at_once(capsys, tmp_path, files, sentence):
    weights = (TINY.folder / "model.safetensors").read_bytes()
    for name, kept in files.items():
        (tmp_path / name).write_bytes(weights[kept])
    (tmp_path / "config.json").touch()
    with pytest.raises(SystemExit) as caught:
        app.main(["--checkpoint", "tiny", f"--checkpoint=diarize={tmp_path}"])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err
