"""transformers' Trainer for a run that continues with the samples that come next, after a kill in any epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized

import torch
from torch.utils.data import Sampler
from transformers import Trainer


class EpochOrder(Sampler[int]):
    """Shuffles the samples of a data set, in each epoch differently.

    epoch: returns the number of epochs that are complete.

    It replaces accelerate's sampler, to which accelerate 1.12 gives the order of the first epoch for the rest of the
    epoch in which a run resumes. accelerate can't do that here: the class has no `set_epoch`.
    """

    def __init__(self, samples: Sized, seed: int, epoch: Callable[[], int]):
        self._samples, self._seed, self._epoch = samples, seed, epoch

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._samples)

    def __iter__(self) -> Iterator[int]:
        """Yield all positions once. The order depends only on seed, epoch and number of samples."""
        generator = torch.Generator().manual_seed(self._seed + self._epoch())
        yield from torch.randperm(len(self), generator=generator).tolist()


class ResumingTrainer(Trainer):
    """Has the same samples in each update, whether the run was resumed or not."""

    def _get_train_sampler(self, train_dataset=None) -> EpochOrder:
        # self.state is another object after a resume. Its epoch is a whole number at the end of each epoch.
        return EpochOrder(train_dataset or self.train_dataset, self.args.seed, lambda: int(self.state.epoch or 0))
