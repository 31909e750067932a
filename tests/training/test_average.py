"""The mean of checkpoints."""

from __future__ import annotations

import torch
from safetensors.torch import load_file

from benchmarks.served import ROOT
from training.checkpoints import write_checkpoint
from training.tiny import average
from training.tiny.strip_speakers import strip_speakers

TINY = ROOT / "assets" / "tiny"
CHANGED = "thinker.model.norm.weight"


def test_the_mean_of_two_checkpoints_is_between_them(tmp_path):
    weights = load_file(TINY / "model.safetensors")
    write_checkpoint(TINY, tmp_path / "other", {CHANGED: torch.full_like(weights[CHANGED], 3.0)})
    write_checkpoint(TINY, tmp_path / "first", {CHANGED: torch.full_like(weights[CHANGED], 1.0)})
    assert average.main([str(tmp_path / name) for name in ("mean", "first", "other")]) == 0
    means = load_file(tmp_path / "mean" / "model.safetensors")
    assert {name for name, tensor in means.items() if not tensor.equal(weights[name])} == {CHANGED}
    assert means[CHANGED].unique().tolist() == [2.0]
    assert (tmp_path / "mean" / "config.json").read_bytes() == (TINY / "config.json").read_bytes()


def test_checkpoints_of_other_shapes_have_no_mean(tmp_path, capsys):
    strip_speakers(TINY, tmp_path / "other")
    assert average.main([str(tmp_path / "mean"), str(TINY), str(tmp_path / "other")]) == 1
    assert "has other tensors than" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
