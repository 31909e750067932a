"""Trains a model with transformers' Trainer; shared by all recipes.

Runs in one process, or in several with `torchrun` or `accelerate launch`. A killed run resumes from its last complete
checkpoint, with the samples that come next, and with any number of processes that can share its batches.
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
from evaluation.results import SETTINGS, RunFolder, hash_weights
from training.manifest import Sample
from training.processes import check_launch, process_count

SEED = 42
LOG_EVERY_STEPS = 10
KEPT_CHECKPOINTS = 2
"""The best and the last checkpoint."""


@dataclass(frozen=True)
class Settings:
    """The hyperparameters of a run.

    warmup_ratio: share of the updates during which the learning rate rises. batch_size: samples per batch on one
    device. accumulation: batches per update, summed over all processes. save_steps: updates between checkpoints; the
    evaluation loss is measured at each checkpoint.
    """

    learning_rate: float
    scheduler: str
    warmup_ratio: float
    batch_size: int
    accumulation: int
    epochs: float
    save_steps: int = 500


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add options for the hyperparameters that depend on machine and data. The recipe gives the defaults."""
    parser.add_argument("--learning_rate", type=float)
    parser.add_argument("--batch_size", type=int, help="samples per batch on one device")
    parser.add_argument("--accumulation", type=int, help="batches per update, summed over all processes")
    parser.add_argument("--epochs", type=float)
    parser.add_argument("--save_steps", type=int, help="updates between checkpoints")


def choose_settings(defaults: Settings, options: argparse.Namespace) -> Settings:
    """Return the defaults, overridden by the given options.

    Raises DataError for a number that is not positive, and if the processes can't share the batches equally.
    """
    given = {field.name: getattr(options, field.name, None) for field in fields(defaults)}
    given = {name: value for name, value in given.items() if value is not None}
    for name, value in given.items():
        if not value > 0:
            raise DataError(f"--{name} {value} is not positive: give a larger number, or leave the option out")
    settings = replace(defaults, **given)
    check_launch(settings.accumulation)
    return settings


def fit(
    model,
    collator,
    train: Sequence[Sample],
    evaluation: Sequence[Sample],
    settings: Settings,
    folder: Path,
    base: Path,
    shards: bool = False,
) -> None:
    """Train the model in place with AdamW and leave it with its best weights. Checkpoints are written to `folder`.

    evaluation: samples whose loss selects the best checkpoint; if there are none, the last checkpoint is the best.
    base: the folder from which the model was loaded; a run is resumed only from the same base.
    shards: True if the processes share the weights and write their parts of a checkpoint, False if each has a copy of
    the model.
    Raises DataError if the folder holds a run with other settings, or if a machine does not see the folder.
    """
    from training.collator import SampleDataset
    from training.resuming_trainer import ResumingTrainer
    from training.sharded_trainer import ShardedTrainer
    from training.sharding import shard

    arguments = training_arguments(settings, folder, bool(evaluation))
    record = asdict(settings) | {"base_sha256": hash_weights(base)} | _digests(train, evaluation)
    checkpoint = _open_run(arguments, folder, record)
    if shards and arguments.world_size > 1:
        shard(model, arguments.device, arguments.bf16)
    trainer = (ShardedTrainer if shards else ResumingTrainer)(
        model=model,
        args=arguments,
        data_collator=collator,
        train_dataset=SampleDataset(train),
        eval_dataset=SampleDataset(evaluation) if evaluation else None,
        callbacks=[evaluate_at_the_end()] if evaluation else None,
    )
    trainer.train(resume_from_checkpoint=checkpoint)


def _open_run(arguments, folder: Path, record: dict) -> str | None:
    """Start or resume the run in the first process, then in the others. Returns the checkpoint to resume from."""
    from accelerate.utils import broadcast_object_list

    with arguments.main_process_first(local=False):
        if arguments.process_index and not (folder / SETTINGS).exists():
            raise DataError(
                f"{folder} is not the folder in which the first process has begun the run: choose an --output_dir on "
                "a file system that all machines share"
            )
        RunFolder(folder).open(record)
    checkpoint = [last_whole_checkpoint(folder)]  # decided once: a shared file system may show it late elsewhere
    return broadcast_object_list(checkpoint)[0]


def training_arguments(settings: Settings, folder: Path, evaluates: bool):
    """Return Trainer's arguments. Joins the processes that torchrun started."""
    on_cuda = torch.cuda.is_available()
    return common_arguments(
        folder,
        settings.save_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.scheduler,
        warmup_ratio=settings.warmup_ratio,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulation // process_count(),
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
    """Return Trainer's arguments: those that all trainings share, and `others`."""
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder.resolve()),  # absolute: the last checkpoint's state contains the best one's path
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
    # One GPU per process. Otherwise Trainer multiplies the batch by the number of visible GPUs and splits it.
    arguments._n_gpu = min(1, arguments.n_gpu)
    return arguments


def evaluate_at_the_end():
    """Return a callback that also evaluates after the last update, if that is not a multiple of `save_steps`."""
    from transformers import TrainerCallback

    class EvaluateAtTheEnd(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step >= state.max_steps:
                control.should_evaluate = True

    return EvaluateAtTheEnd()


def last_whole_checkpoint(folder: Path) -> str | None:
    """Return the newest complete checkpoint: one in which the file that Trainer writes last can be read."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for checkpoint in found:
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # the run was killed while writing it
        return str(checkpoint)
    return None


def _digests(train: Sequence[Sample], evaluation: Sequence[Sample]) -> dict[str, str]:
    """Return digests that identify the data of a run."""
    import hashlib

    digests = {}
    for name, samples in (("train", train), ("evaluation", evaluation)):
        text = "".join(f"{sample.sha256} {sample.text}\n{sample.context}" for sample in samples)
        digests[f"{name}_sha256"] = hashlib.sha256(text.encode()).hexdigest()
    return digests
