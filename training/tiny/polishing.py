"""Trains a tiny checkpoint on what it is bad at, while its other texts stay as they are.

Only the decoder's layers learn; encoder, embeddings and head stay. The result has the exponential mean of the weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel
from transformers import get_linear_schedule_with_warmup

from evaluation.results import hash_weights
from kikitori.model.encoder import mel_filters
from training.synthesis.clips import Clip
from training.tiny import stages
from training.tiny.architecture import load_checkpoint, save_checkpoint
from training.tiny.batched_model import DecoderPass, encode_audio, run_decoder
from training.tiny.copying import Plan
from training.tiny.train_names import MeanUpdates, update_means

WARMUP_STEPS = 20


class PolishingLosses(nn.Module):
    """The model, its teacher, and the mean of the trained weights. A subclass adds the loss of what is learned.

    start: a checkpoint, which is the teacher too.
    """

    def __init__(self, start: Path):
        super().__init__()
        self.processor, self.model = load_checkpoint(start)
        _, self.teacher = load_checkpoint(start)
        self.requires_grad_(False)
        self.layers.requires_grad_(True)
        self.mean = AveragedModel(self.layers, multi_avg_fn=update_means)
        self.register_buffer("filters", mel_filters(self.processor, "cpu"), persistent=False)

    @property
    def layers(self) -> nn.ModuleList:
        """The decoder's layers."""
        return self.model.thinker.model.layers

    def distance_from_teacher(self, clips: list[Clip], plans: list[Plan]) -> torch.Tensor:
        """Return the Kullback-Leibler divergence from the teacher's texts, summed over the vocabulary: ()."""
        made = self.run_clips(self.model, clips, plans)
        with torch.no_grad():
            taught = self.run_clips(self.teacher, clips, plans).logits.log_softmax(-1)
        return F.kl_div(made.logits.log_softmax(-1), taught, log_target=True, reduction="batchmean")

    def run_clips(self, model, clips: list[Clip], plans: list[Plan]) -> DecoderPass:
        """Run a model on clips with teacher forcing. plans: of the clips."""
        prompts, answers = [plan.prompt for plan in plans], [plan.answer for plan in plans]
        return self.run(model, [clip.waveform for clip in clips], prompts, answers)

    def run(
        self, model, waveforms: list[np.ndarray], prompts: list[list[int]], answers: list[list[int]]
    ) -> DecoderPass:
        """Run a model with teacher forcing. waveforms: float32 mono 16 kHz, (samples,) each."""
        with torch.no_grad():
            audio, mask = encode_audio(model.thinker.audio_tower, waveforms, self.filters)
        return run_decoder(model.thinker, audio, mask, prompts, answers)

    def use_mean(self) -> None:
        """Replace the trained weights by their mean."""
        self.layers.load_state_dict(self.mean.module.state_dict())


def polish(
    losses: PolishingLosses,
    draw_inputs: Callable[[int], Iterator[dict]],
    weights: dict[str, float],
    output: Path,
    *,
    steps: int,
    peak_rate: float,
    settings: dict[str, object],
) -> None:
    """Train, and write the checkpoint to `output`. Raises SpeechError.

    draw_inputs: the run's seed -> arguments of the losses' forward pass, without end. weights: of the losses, by name.
    settings: what a killed run has to have in common with the one that resumes it; until the checkpoint is written,
    `output` holds what that needs.
    """
    folder = output / "checkpoints"
    optimizer = torch.optim.AdamW(losses.layers.parameters(), lr=peak_rate, betas=(0.9, 0.98), weight_decay=0)
    schedule = get_linear_schedule_with_warmup(optimizer, WARMUP_STEPS, steps)
    more = {"optimizers": (optimizer, schedule), "callbacks": [MeanUpdates(losses)]}
    stages.fit_stages(losses, [stages.TrainingStage(steps, draw_inputs)], weights, folder, settings, **more)
    losses.use_mean()
    save_checkpoint(losses.model, losses.processor, output)
    shutil.rmtree(folder)


def start_settings(start: Path, **others: object) -> dict[str, object]:
    """Return the settings of a run that begins with a checkpoint."""
    return {"start_sha256": hash_weights(start), **others}
