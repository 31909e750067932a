"""Fitting a model in stages, by several losses at once, to clips that are drawn as they are needed.

What `training.tiny` and `training.aligner` share beside `training.fit`, whose Trainer, checkpoints and way to go on
after a kill these are. Their own are two things: batches that nobody can list beforehand, because each clip is mixed
anew and goes together with those of its length; and a sum of losses, each of which is told while it runs.
Not covered: more than one process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import IterableDataset
from transformers import Trainer, TrainerCallback

from evaluation.results import Folder
from training.trainer import common_arguments, last_whole_checkpoint

SAVE_STEPS = 250
PEAK_LEARNING_RATE = 6e-4
WARMUP_STEPS = 100


@dataclass(frozen=True)
class Stage:
    """A stretch of training.

    steps: updates. draw(seed): endless batches, each the arguments of the model's `forward`. prepare: done before the
    first step.
    """

    steps: int
    draw: Callable[[int], Iterator[dict]]
    prepare: Callable[[], None] | None = None


class Batches(IterableDataset):
    """The batches of all stages from a step on.

    A new seed begins with each stage and after each checkpoint, so a run that goes on hears what would have come next.
    """

    def __init__(self, stages: Sequence[Stage], first: int):
        self._stages = stages
        self._first = first

    def __iter__(self) -> Iterator[dict]:
        """Draw them."""
        begin = 0
        for stage in self._stages:
            end = begin + stage.steps
            step = max(begin, self._first)
            while step < end:
                cut = min(end, step - step % SAVE_STEPS + SAVE_STEPS)
                yield from islice(stage.draw(step), cut - step)
                step = cut
            begin = end


class SumTrainer(Trainer):
    """Trainer on a weighted sum of losses.

    The model's `forward` gives them by their names, and whatever else is to be told.
    """

    def __init__(self, weights: Mapping[str, float], **options):
        super().__init__(**options)
        self._weights = weights
        self._told: dict[str, list[torch.Tensor]] = defaultdict(list)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """The sum; its parts are kept for the next line of the log."""
        figures = model(**inputs)
        for name, figure in figures.items():
            self._told[name].append(figure.detach())
        return sum(self._weights[name] * figure for name, figure in figures.items() if name in self._weights)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The means since the last line with it."""
        means = {name: round(torch.stack(figures).mean().item(), 4) for name, figures in self._told.items()}
        self._told.clear()
        super().log(logs | means, start_time)


class StageStarts(TrainerCallback):
    """Does what a stage wants done before its first step."""

    def __init__(self, stages: Sequence[Stage]):
        begins = accumulate((stage.steps for stage in stages), initial=0)
        self._prepare = {begin: stage.prepare for begin, stage in zip(begins, stages, strict=False) if stage.prepare}

    def on_step_begin(self, args, state, control, **kwargs):
        """Called by Trainer."""
        if prepare := self._prepare.get(state.global_step):
            prepare()


def fit_stages(
    model: nn.Module, stages: Sequence[Stage], weights: Mapping[str, float], folder: Path, settings: dict
) -> None:
    """Train the model in place, by AdamW with a warm-up and a cosine over all stages; checkpoints go to `folder`.

    settings: what else a later call must have in common with this one to go on with its checkpoints. Raises DataError
    where the folder holds another run's.
    """
    lengths = [stage.steps for stage in stages]
    Folder(folder).open(settings | {"steps": lengths, "weights": dict(weights)})
    last = last_whole_checkpoint(folder)
    trainer = SumTrainer(
        weights,
        model=model,
        args=common_arguments(
            folder,
            SAVE_STEPS,
            learning_rate=PEAK_LEARNING_RATE,
            lr_scheduler_type="cosine",
            warmup_steps=WARMUP_STEPS,
            adam_beta2=0.98,
            weight_decay=0.01,
            max_steps=sum(lengths),
            per_device_train_batch_size=1,  # of what is drawn, a whole batch
            accelerator_config={"dispatch_batches": False},
            ignore_data_skip=True,  # Batches begins where it should
            save_safetensors=False,  # which can't write tied weights outside a PreTrainedModel
        ),
        data_collator=lambda drawn: drawn[0],
        train_dataset=Batches(stages, int(last.rpartition("-")[2]) if last else 0),
        callbacks=[StageStarts(stages)],
    )
    trainer.train(resume_from_checkpoint=last)
