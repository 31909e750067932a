"""Supervised fine-tuning of all weights, for translation and Portuguese, as their model cards tell it.

    python -m training.sft --recipe portuguese --train data/pt-train/manifest.jsonl \\
        --evaluation data/pt-test/manifest.jsonl --output_dir models/pt

Manifests are JSONL, `{"audio": …, "text": "language Portuguese<asr_text>…"}`, see `training.manifest`. The result has
the best checkpoint's weights by evaluation loss, in the base's dtype. The same command goes on after a kill.
`torchrun --nproc_per_node 4 -m training.sft …` shares the batches among processes. Not covered: models that don't fit
on one device (`python -m training.memory`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kikitori.errors import exit_code_of
from training.manifest import balance, check_apart, filter_samples, find_fault, read_manifest
from training.trainer import Settings, add_settings, choose_settings, fit

BASE = "Qwen/Qwen3-ASR-1.7B"
"""Of both cards."""

RECIPES = {
    # Translation card, "Hyperparameters" and "Checkpoint Selection".
    "translation": Settings(1e-5, "cosine", 0.03, batch_size=8, accumulation=8, epochs=1.3, save_steps=500),
    # Portuguese card, "Training"; it does not say how often checkpoints were saved.
    "portuguese": Settings(2e-5, "linear", 0.02, batch_size=92, accumulation=2, epochs=4.0),
}


def train(options: argparse.Namespace) -> None:
    """Do what the options say. Raises SpeechError."""
    settings = choose_settings(RECIPES[options.recipe], options)
    training = filter_samples([s for manifest in options.train for s in read_manifest(manifest)], find_fault)
    evaluation = filter_samples(read_manifest(options.evaluation), find_fault)
    check_apart(training.kept, evaluation.kept)
    samples = balance(training.kept)
    print(f"training: {training}, {len(samples)} with balanced languages\nevaluation: {evaluation}", flush=True)

    from training.checkpoints import choose_base, write_checkpoint
    from training.collator import Collator
    from training.trainable import load_trainable

    base = choose_base(options.base, options.output_dir)
    model, processor = load_trainable(base)
    folder = options.output_dir / "checkpoints"
    if fit(model, Collator(processor), samples, evaluation.kept, settings, folder, base):
        write_checkpoint(base, options.output_dir, model.state_dict())
        print(f"written: {options.output_dir}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.sft", description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True, choices=list(RECIPES), help="whose hyperparameters are the defaults")
    parser.add_argument("--train", required=True, type=Path, nargs="+", help="manifests; languages are balanced")
    parser.add_argument("--evaluation", required=True, type=Path, help="a manifest of other speech")
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--base", default=BASE, help=f"a folder, `tiny`, or a name on the hub (default: {BASE})")
    add_settings(parser)
    options = parser.parse_args(argv)
    return exit_code_of(lambda: train(options))


if __name__ == "__main__":
    raise SystemExit(main())
