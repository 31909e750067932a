"""Fine-tunes all weights, with the recipes of the model cards and of Qwen3-ASR itself.

    python -m training.sft --recipe portuguese --train data/pt-train/manifest.jsonl \\
        --evaluation data/pt-test/manifest.jsonl --output_dir models/pt

Manifests are JSON Lines: `{"audio": …, "text": "language Portuguese<asr_text>…"}`, see `training.manifest`. They may be
in any language, or in several, and may give a context. The result has the weights of the checkpoint with the lowest
evaluation loss, in the base's dtype. After a kill, the same command resumes the training.
`torchrun --nproc_per_node 8 -m training.sft …` shares batches, weights and optimiser among 8 GPUs; docs/training.md has
the commands for several machines. `python -m training.memory` estimates the memory.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evaluation.options import OptionParser
from training.manifest import balance, check_apart, filter_samples, read_manifest, rejection_reason
from training.processes import is_first_process, print_once, run
from training.trainer import Settings, add_settings, choose_settings, fit

BASE = "Qwen/Qwen3-ASR-1.7B"
"""Base model of both cards."""

RECIPES = {
    # Source: translation card, "Hyperparameters" and "Checkpoint Selection".
    "translation": Settings(1e-5, "cosine", 0.03, batch_size=8, accumulation=8, epochs=1.3, save_steps=500),
    # Source: Portuguese card, "Training". It does not give the number of steps between checkpoints.
    "portuguese": Settings(2e-5, "linear", 0.02, batch_size=92, accumulation=2, epochs=4.0),
    # Source: the defaults of Qwen3-ASR's own recipe, finetuning/qwen3_asr_sft.py in its repository.
    "transcribe": Settings(2e-5, "linear", 0.02, batch_size=32, accumulation=4, epochs=1.0, save_steps=200),
}


def train(options: argparse.Namespace) -> None:
    """Train with the command's options and write the checkpoint. Raises SpeechError."""
    settings = choose_settings(RECIPES[options.recipe], options)
    training = filter_samples([sample for path in options.train for sample in read_manifest(path)], rejection_reason)
    evaluation = filter_samples(read_manifest(options.evaluation), rejection_reason)
    check_apart(training.kept, evaluation.kept)
    samples = balance(training.kept)
    print_once(f"training: {training}, {len(samples)} with balanced languages\nevaluation: {evaluation}")

    from training.checkpoints import choose_base, write_checkpoint
    from training.collator import Collator
    from training.sharding import whole_weights
    from training.trainable import load_trainable

    base = choose_base(options.base, options.output_dir)
    model, processor = load_trainable(base)
    folder = options.output_dir / "checkpoints"
    fit(model, Collator(processor), samples, evaluation.kept, settings, folder, base, shards=True)
    weights = whole_weights(model)
    if is_first_process():
        write_checkpoint(base, options.output_dir, weights)
    print_once(f"written: {options.output_dir}")


def main(argv: list[str] | None = None) -> int:
    """Run the training; return the exit code."""
    parser = OptionParser(prog="python -m training.sft", description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", required=True, choices=list(RECIPES), help="sets the default hyperparameters")
    parser.add_argument("--train", required=True, type=Path, nargs="+", help="manifests; languages are balanced")
    parser.add_argument("--evaluation", required=True, type=Path, help="a manifest without recordings of --train")
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--base", default=BASE, help=f"a folder, `tiny`, or a repository on the hub (default: {BASE})")
    add_settings(parser)
    options = parser.parse_args(argv)
    return run(lambda: train(options))


if __name__ == "__main__":
    raise SystemExit(main())
