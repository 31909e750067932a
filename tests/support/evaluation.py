"""Runs of `evaluation.run` with the tiny checkpoint, and what they write."""

from __future__ import annotations

import json
import shutil

from benchmarks.served import ROOT
from evaluation import run
from evaluation.results import UTTERANCES, RunFolder


def evaluate(capsys, *options) -> tuple[int, str, str]:
    """Run `evaluation.run`; return its exit code, standard output and standard error."""
    code = run.main(["--checkpoint", "tiny", *map(str, options)])
    return code, *capsys.readouterr()


def options_for(data, output, direction="pt"):
    return "--data", data, "--direction", direction, "--output_dir", output


def checkpoint_named(name, folder):
    """Copy the tiny checkpoint to a folder with the name of a card's checkpoint."""
    return shutil.copytree(ROOT / "assets" / "tiny", folder / name)


def lines_of(folder):
    return [json.loads(line) for line in (folder / UTTERANCES).read_text(encoding="utf-8").splitlines()]


def figures_of(folder):
    return {figure["name"]: figure for figure in RunFolder(folder).summary()["figures"]}
