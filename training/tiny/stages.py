"""Trains a model in stages, with several losses, on clips that are drawn when they are needed.

Used by `training.tiny.train`, `train_names` and `train_aligner`. Trainer, checkpoints and resuming are those of
`training.trainer`. Two things differ. Batches can't be listed in advance, because each clip is mixed anew and grouped
with clips of similar length. The loss is a weighted sum, and each term is logged. Works in one process only.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info
from transformers import Trainer, TrainerCallback

from evaluation.results import RunFolder
from training.trainer import common_arguments, last_whole_checkpoint

SAVE_STEPS = 250
PEAK_LEARNING_RATE = 6e-4
WARMUP_STEPS = 100


@dataclass(frozen=True)
class TrainingStage:
    """One stage of a training.

    steps: number of updates. draw(seed): yields batches without end; each is a dict of arguments of the model's
    `forward`. prepare: called before the first step.
    """

    steps: int
    draw: Callable[[int], Iterator[dict]]
    prepare: Callable[[], None] | None = None


class Batches(IterableDataset):
    """The batches of all stages, starting at step `first`.

    Each stage and each checkpoint starts a new seed, so that a resumed run continues with the same batches. Several
    workers take turns, and each has seeds of its own.
    """

    def __init__(self, stages: Sequence[TrainingStage], first: int):
        self._stages = stages
        self._first = first

    def __iter__(self) -> Iterator[dict]:
        """Yield the batches."""
        worker = get_worker_info()
        workers, number = (worker.num_workers, worker.id) if worker else (1, 0)
        mine = (self._first + number) % workers  # the first batch is taken from worker 0
        begin = 0
        for stage in self._stages:
            end = begin + stage.steps
            step = max(begin, self._first)
            while step < end:
                cut = min(end, step - step % SAVE_STEPS + SAVE_STEPS)
                count = len(range(step + (mine - step) % workers, cut, workers))
                yield from islice(stage.draw(step * workers + mine), count)
                step = cut
            begin = end


class SumTrainer(Trainer):
    """A Trainer that minimises a weighted sum of losses.

    The model's `forward` returns the losses by name. Values without a weight are logged only.
    """

    def __init__(self, weights: Mapping[str, float], **options):
        super().__init__(**options)
        self._weights = weights
        self._to_log: dict[str, list[torch.Tensor]] = defaultdict(list)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Return the weighted sum of the losses; its terms are kept for the next log entry."""
        figures = model(**inputs)
        for name, figure in figures.items():
            self._to_log[name].append(figure.detach())
        return sum(self._weights[name] * figure for name, figure in figures.items() if name in self._weights)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log the given values, and the mean of each loss since the last entry."""
        means = {name: round(torch.stack(figures).mean().item(), 4) for name, figures in self._to_log.items()}
        self._to_log.clear()
        super().log(logs | means, start_time)


class StageStarts(TrainerCallback):
    """Calls `prepare` of each stage before its first step."""

    def __init__(self, stages: Sequence[TrainingStage]):
        begins = accumulate((stage.steps for stage in stages), initial=0)
        self._prepare = {begin: stage.prepare for begin, stage in zip(begins, stages, strict=False) if stage.prepare}

    def on_step_begin(self, args, state, control, **kwargs):
        """Trainer calls this before each step."""
        if prepare := self._prepare.get(state.global_step):
            prepare()


def fit_stages(
    model: nn.Module,
    stages: Sequence[TrainingStage],
    weights: Mapping[str, float],
    folder: Path,
    settings: dict,
    learning_rate: float = PEAK_LEARNING_RATE,
    optimizers: tuple = (None, None),
    callbacks: Sequence[TrainerCallback] = (),
) -> None:
    """Train the model in place with AdamW; warm-up and cosine schedule span all stages. Checkpoints go to `folder`.

    settings: further settings that must be equal to resume the run in `folder`. learning_rate: the highest one.
    optimizers: an optimizer and a learning rate schedule to use instead; the model must be on its device already.
    Raises DataError if the folder holds a run with other settings.

    With a GPU, clips are made in processes of their own. A resumed run gets the same batches if their number is the
    same.
    """
    lengths = [stage.steps for stage in stages]
    RunFolder(folder).open(settings | {"steps": lengths, "weights": dict(weights)})
    last = last_whole_checkpoint(folder)
    trainer = SumTrainer(
        weights,
        model=model,
        args=common_arguments(
            folder,
            SAVE_STEPS,
            learning_rate=learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=WARMUP_STEPS,
            adam_beta2=0.98,
            weight_decay=0.01,
            max_steps=sum(lengths),
            per_device_train_batch_size=1,  # one item of the data set is a whole batch
            accelerator_config={"dispatch_batches": False},
            dataloader_num_workers=min(8, os.cpu_count() or 1) if torch.cuda.is_available() else 0,
            ignore_data_skip=True,  # `Batches` starts at the right step itself
            save_safetensors=False,  # safetensors can't write the tied weights of a plain Module
        ),
        data_collator=lambda drawn: drawn[0],
        train_dataset=Batches(stages, int(last.rpartition("-")[2]) if last else 0),
        callbacks=[StageStarts(stages), *callbacks],
        optimizers=optimizers,
    )
    trainer.train(resume_from_checkpoint=last)
