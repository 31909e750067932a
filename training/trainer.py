"""Fitting a model to samples by transformers' Trainer: what all recipes share.

One process, or many by `torchrun` or `accelerate launch`. A run that was killed goes on from its last whole checkpoint,
with the samples that would have come next.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch

from evaluation.data import DataError
from evaluation.results import Folder, hash_weights
from training.manifest import Sample

SEED = 42
LOG_EVERY_STEPS = 10
KEPT_CHECKPOINTS = 2
"""The best and the last."""


@dataclass(frozen=True)
class Settings:
    """The hyperparameters of a run.

    warmup_ratio: the share of all updates in which the learning rate rises. batch_size: samples that go through the
    model together. accumulation: batches an update, of all processes together. save_steps: updates between
    checkpoints; the evaluation loss is measured at each.
    """

    learning_rate: float
    scheduler: str
    warmup_ratio: float
    batch_size: int
    accumulation: int
    epochs: float
    save_steps: int = 500


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Options for what depends on the machine and the data; without them the recipe's values are taken."""
    parser.add_argument("--learning_rate", type=float)
    parser.add_argument("--batch_size", type=int, help="samples that go through the model together, on one device")
    parser.add_argument("--accumulation", type=int, help="batches an update, of all processes together")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--save_steps", type=int, help="updates between checkpoints")


def choose_settings(defaults: Settings, options: argparse.Namespace) -> Settings:
    """The defaults with what was asked for instead. Raises DataError for a number that is not positive."""
    asked = {field.name: getattr(options, field.name, None) for field in fields(defaults)}
    asked = {name: value for name, value in asked.items() if value is not None}
    for name, value in asked.items():
        if not value > 0:
            raise DataError(f"--{name} {value} is not positive: give a larger one, or leave it out")
    return replace(defaults, **asked)


def fit(
    model,
    collator,
    train: Sequence[Sample],
    evaluation: Sequence[Sample],
    settings: Settings,
    folder: Path,
    base: Path,
) -> bool:
    """Train the model in place, by AdamW, and leave it with its best weights; checkpoints go to `folder`.

    evaluation: samples by whose loss the best checkpoint is chosen; where there are none, the last is taken.
    base: the folder that the model was loaded from, by which a later call knows its own checkpoints.
    Returns whether this process is the one that writes the result. Raises DataError where the folder holds a run of
    other settings, or processes can't share the batches.
    """
    from transformers import Trainer

    from training.collator import Inputs

    arguments = training_arguments(settings, folder, bool(evaluation))
    Folder(folder).open(asdict(settings) | {"base_sha256": hash_weights(base)} | _digests(train, evaluation))
    trainer = Trainer(
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=Inputs(train),
        eval_dataset=Inputs(evaluation) if evaluation else None,
        callbacks=[evaluate_at_the_end()] if evaluation else None,
    )
    trainer.train(resume_from_checkpoint=last_whole_checkpoint(folder))
    return trainer.is_world_process_zero()


def training_arguments(settings: Settings, folder: Path, evaluates: bool):
    """Trainer's arguments. Raises DataError where processes can't share the batches."""
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if settings.accumulation % processes:
        raise DataError(
            f"{settings.accumulation} batches an update can't be shared by {processes} processes: "
            "give an --accumulation that is a multiple of them"
        )
    on_cuda = torch.cuda.is_available()
    return common_arguments(
        folder,
        settings.save_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.scheduler,
        warmup_ratio=settings.warmup_ratio,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation // processes,
        num_train_epochs=settings.epochs,
        weight_decay=0.0,
        bf16=on_cuda and torch.cuda.is_bf16_supported(),
        gradient_checkpointing=True,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        eval_strategy="steps" if evaluates else "no",
        eval_steps=settings.save_steps,
        load_best_model_at_end=evaluates,
        metric_for_best_model="eval_loss" if evaluates else None,
        greater_is_better=False if evaluates else None,
        prediction_loss_only=True,
        label_names=["labels"],
        dataloader_num_workers=min(8, os.cpu_count() or 1) if on_cuda else 0,
    )


def common_arguments(folder: Path, save_steps: int, **others):
    """What all trainings have in common of Trainer's arguments, with the others."""
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder.resolve()),  # the best checkpoint's path is kept in the last one's state
        optim="adamw_torch_fused",
        save_steps=save_steps,
        save_total_limit=KEPT_CHECKPOINTS,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_steps=LOG_EVERY_STEPS,
        report_to="none",
        seed=SEED,
        **others,
    )
    # One process, one GPU: Trainer would share each batch among all that it sees, and make it so many times as large.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def evaluate_at_the_end():
    """A callback: the last checkpoint is evaluated too, though the updates are no multiple of `save_steps`."""
    from transformers import TrainerCallback

    class EvaluateAtTheEnd(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step >= state.max_steps:
                control.should_evaluate = True

    return EvaluateAtTheEnd()


def last_whole_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint that was written to its end: what Trainer writes last can be read."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for checkpoint in found:
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # killed while it was written
        return str(checkpoint)
    return None


def _digests(train: Sequence[Sample], evaluation: Sequence[Sample]) -> dict[str, str]:
    """What tells the data of a run from others'."""
    import hashlib

    digests = {}
    for name, samples in (("train", train), ("evaluation", evaluation)):
        text = "".join(f"{sample.sha256} {sample.text}\n" for sample in samples)
        digests[f"{name}_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return digests
