"""What the page promises ZeroGPU, as far as a machine without one can tell."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import torch

import app
from speech.alignment import Alignment
from speech.checkpoints import TINY
from speech.decoded import Decoded
from speech.stock import load_stock_model
from speech.transcript import Transcript, TranscriptWarning, Turn

MADE = Transcript(
    audio="a.wav",
    turns=(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"),),
    direction="diarize",
    language="Japanese",
    checkpoint="tiny",
    duration_seconds=2.0,
    raw_text="<|spk_0|> はい。",
    warnings=(TranscriptWarning("budget", "a sentence"),),
)


def test_the_gpu_is_asked_for_by_the_length_of_the_recording():
    assert app.gpu_seconds("pt", None, [np.zeros(15 * 16000, np.float32)] * 2) == 30
    assert app.gpu_seconds("diarize", None, np.zeros(120 * 16000, np.float32), MADE.turns) == 75


def test_the_duration_takes_what_the_gpu_function_takes():
    asked, run = (inspect.signature(function).parameters for function in (app.gpu_seconds, app.run_model))
    assert list(asked) == list(run)


def test_what_comes_back_from_a_gpu_worker_can_be_pickled():
    for made in ([Decoded("はい。", "end", (1, 2), (-0.1, 0.0))], Alignment(MADE.turns, 1)):
        assert pickle.loads(pickle.dumps(made)) == made


def test_on_zero_gpu_the_model_is_moved_after_loading(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    model = load_stock_model(str(TINY.folder), torch.bfloat16, "meta")
    assert {parameter.device.type for parameter in model.model.parameters()} == {"meta"}


def test_warnings_are_shown_with_the_text():
    shown = app.show_transcript(MADE)
    assert '<p class="warning">a sentence</p>' in shown
    assert '<span class="speaker">spk_0</span><time>0:00</time></span><span class="words">はい。</span>' in shown


def test_the_environment_chooses_the_checkpoint(monkeypatch):
    monkeypatch.setenv("SPEECH_CHECKPOINT", "tiny")
    assert app.build_parser().parse_args([]).checkpoint == "tiny"
    assert app.build_parser().parse_args(["--checkpoint", "elsewhere"]).checkpoint == "elsewhere"
    monkeypatch.delenv("SPEECH_CHECKPOINT")
    assert app.build_parser().parse_args([]).checkpoint is None
