"""transformers' Trainer for a model that `training.sharding` shares among processes."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from training.resuming_trainer import ResumingTrainer
from training.sharding import load_optimizer, load_weights, save_optimizer, save_weights

WEIGHTS, OPTIMIZER, SCHEDULER = "weights", "optimizer", "scheduler.pt"


class ShardedTrainer(ResumingTrainer):
    """Reads and writes checkpoints in parts, and leaves the model as it is. One process does the same in one part.

    The overridden methods are those of transformers 4.57, to which qwen-asr is pinned.
    """

    def create_accelerator_and_postprocess(self):
        """As in Trainer, but accelerate does not copy the model to all processes (DistributedDataParallel)."""
        super().create_accelerator_and_postprocess()
        self.accelerator.prepare_model = partial(self.accelerator.prepare_model, evaluation_mode=True)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write this process's part of the weights to a checkpoint."""
        save_weights(self.model, Path(output_dir) / WEIGHTS)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model=None) -> None:
        load_weights(self.model, Path(resume_from_checkpoint) / WEIGHTS)

    def _load_best_model(self) -> None:
        load_weights(self.model, Path(self.state.best_model_checkpoint) / WEIGHTS)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        save_optimizer(self.model, self.optimizer.optimizer, Path(output_dir) / OPTIMIZER)
        if self.args.should_save:
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_optimizer(self.model, self.optimizer.optimizer, Path(checkpoint) / OPTIMIZER)
            self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER, weights_only=True))
