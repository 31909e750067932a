"""Teaches a tiny checkpoint to copy names from a list: `python -m training.tiny.train_names`.

It starts from a checkpoint of `training.tiny.train` and adds three decoder layers. At first they change nothing.
Encoder, embeddings and head stay as they are. The added layers learn fast, the first four slowly. Half of the names
that are said have an invented spelling on the list, which can only be copied; `training.tiny.copying` has the losses
for that. On all other speech the text has to stay that of earlier checkpoints, the teachers.

The result has the exponential mean of the weights. `training.tiny.average` averages the results of several seeds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel
from transformers import TrainerCallback, get_linear_schedule_with_warmup

from evaluation.options import OptionParser
from evaluation.results import hash_weights
from kikitori.errors import exit_code_of
from kikitori.model.encoder import mel_filters
from training.checkpoints import BaseError, choose_base
from training.synthesis import pool as pools
from training.synthesis.clips import Clip, ClipMaker
from training.tiny import copying, stages
from training.tiny.architecture import FIRST_LAYERS, add_layers, load_checkpoint, save_checkpoint
from training.tiny.batched_model import DecoderPass, encode_audio, run_decoder
from training.tiny.copying import CopyLosses, Plan, plan_clip

ROOT = Path(__file__).parents[2]
MIX = {
    "call": 0.17,
    "en2ja": 0.14,
    "ja2en": 0.08,
    "pt": 0.12,
    "english": 0.03,
    "japanese": 0.03,
    "names_ja": 0.13,
    "names_en": 0.13,
    "names_pt": 0.13,
    "silence": 0.04,
}
"""How often each task is drawn."""
CONTEXT_SHARES = {
    "call": 0.3,
    "ja2en": 0.2,
    "en2ja": 0.2,
    "pt": 0.3,
    "english": 0.3,
    "japanese": 0.3,
    "names_ja": 0.85,
    "names_en": 0.85,
    "names_pt": 0.85,
    "silence": 0.6,
}
"""Share of clips with a list of names, by task."""
BATCHES_ENLARGED = 5
WEIGHTS = {"text": 1.0, "own": 0.4, "keep": 6.0, **copying.WEIGHTS}
COPIED_WEIGHT = 3.0
"""Weight of a token that is copied from the list, in the text loss."""
ADDED_LAYERS_RATE, FIRST_LAYERS_RATE = 1.2e-3, 4e-4
"""Peak learning rates."""
WARMUP_STEPS = 200
DECAY = 0.9995
"""Of the exponential mean of the weights. At first it is lower."""
SEEDS_APART = 10**7
"""Between runs. One run uses a seed for each step and each process that makes clips."""


class NameLosses(nn.Module):
    """The model with its added layers, the teachers, and the mean of the trained weights.

    Its forward pass returns the losses. start, teachers: checkpoints. Raises BaseError if their tokenizers differ.
    """

    def __init__(self, start: Path, teachers: Sequence[Path]):
        super().__init__()
        self.processor, self.model = load_checkpoint(start)
        add_layers(self.model)
        self.teachers = nn.ModuleList()
        for folder in teachers:
            processor, teacher = load_checkpoint(folder)
            if processor.tokenizer.get_vocab() != self.processor.tokenizer.get_vocab():
                raise BaseError(f"{folder} has another tokenizer than {start}: give another --teacher")
            self.teachers.append(teacher)
        self.requires_grad_(False)
        self.layers.requires_grad_(True)
        self.mean = AveragedModel(self.layers, multi_avg_fn=update_means)
        self.copying = CopyLosses(self.model.thinker.config.text_config.hidden_size)
        self.register_buffer("filters", mel_filters(self.processor, "cpu"), persistent=False)

    @property
    def layers(self) -> nn.ModuleList:
        """The decoder's layers."""
        return self.model.thinker.model.layers

    def forward(self, clips: list[Clip], plans: list[Plan]) -> dict[str, torch.Tensor]:
        """Return the losses by name, and the share of copied tokens that are right. plans: of the clips."""
        made = self._run(self.model, clips, [plan.prompt for plan in plans], plans)
        return self._text_losses(made, clips, plans) | self.copying(self.model.thinker.model, made, plans)

    def _run(self, model, clips: list[Clip], prompts: list[list[int]], plans: list[Plan]) -> DecoderPass:
        with torch.no_grad():
            audio, mask = encode_audio(model.thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        return run_decoder(model.thinker, audio, mask, prompts, [plan.answer for plan in plans])

    def _text_losses(self, made: DecoderPass, clips: list[Clip], plans: list[Plan]) -> dict[str, torch.Tensor]:
        log_shares = made.logits.log_softmax(-1)
        errors = F.nll_loss(log_shares, made.targets, reduction="none")
        kept, copied = (column.to(errors.device) for column in tokens_kept_and_copied(plans))
        weights = torch.where(copied, COPIED_WEIGHT, 1.0) * ~kept
        losses = {"text": (errors * weights).sum() / weights.sum().clamp_min(1)}
        if kept.any():
            losses["own"] = errors[kept].mean()
            taught = self._taught(clips, plans).clamp_min(1e-8).log()
            losses["keep"] = F.kl_div(log_shares[kept], taught, log_target=True, reduction="batchmean")
        if copied.any():
            losses["copied right"] = (made.logits.argmax(-1) == made.targets)[copied].float().mean()
        return losses

    @torch.no_grad()
    def _taught(self, clips: list[Clip], plans: list[Plan]) -> torch.Tensor:
        """Return the teachers' mean probabilities for the answers of the kept clips: (tokens, vocabulary)."""
        chosen, plans = zip(*[pair for pair in zip(clips, plans, strict=True) if pair[1].kept], strict=True)
        prompts = [plan.plain_prompt for plan in plans]
        passes = [self._run(teacher, chosen, prompts, plans).logits.softmax(-1) for teacher in self.teachers]
        return torch.stack(passes).mean(0)

    def use_mean(self) -> None:
        """Replace the trained weights by their mean."""
        self.layers.load_state_dict(self.mean.module.state_dict())


class MeanUpdates(TrainerCallback):
    """Updates the mean of the weights after each step."""

    def __init__(self, losses: NameLosses):
        self._losses = losses

    def on_step_end(self, args, state, control, **kwargs):
        """Trainer calls this after each step."""
        self._losses.mean.update_parameters(self._losses.layers)


def tokens_kept_and_copied(plans: list[Plan]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return which tokens of all answers are in kept clips, and which are copied from a list: (tokens,) bool each."""
    kept = [plan.kept for plan in plans for _ in plan.answer]
    copied = [number in plan.copied for plan in plans for number in range(len(plan.answer))]
    return torch.tensor(kept), torch.tensor(copied)


@torch.no_grad()
def update_means(means: list[torch.Tensor], weights: list[torch.Tensor], steps: torch.Tensor) -> None:
    """Move the means towards the weights. steps: how often this was done before."""
    torch._foreach_lerp_(means, weights, max(1 - DECAY, 1 / (steps.item() / 10 + 2)))


def make_optimizer(losses: NameLosses, steps: int) -> tuple:
    """Return AdamW with two learning rates, and their schedule: warm-up, then linear to 0."""
    added = [*losses.layers[FIRST_LAYERS:].parameters(), *losses.copying.parameters()]
    groups = [
        {"params": added, "lr": ADDED_LAYERS_RATE},
        {"params": [*losses.layers[:FIRST_LAYERS].parameters()], "lr": FIRST_LAYERS_RATE},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)
    return optimizer, get_linear_schedule_with_warmup(optimizer, WARMUP_STEPS, steps)


def draw_inputs(pool: dict, processor, run: int, seed: int) -> Iterator[dict]:
    """Yield batches without end, as arguments of `NameLosses.forward`. run: the run's seed."""
    maker = ClipMaker(pool, MIX, run * SEEDS_APART + seed, CONTEXT_SHARES)
    for clips in maker.batches(BATCHES_ENLARGED):
        yield {"clips": clips, "plans": [plan_clip(processor, clip) for clip in clips]}


def train(output: Path, work: Path, start: Path, teachers: Sequence[Path], steps: int, seed: int, shards: int) -> None:
    """Synthesise missing speech, train, and write the checkpoint to `output`. Raises SpeechError.

    seed: of weights and clips. shards: how many of the pool's shards per kind to use. Until the checkpoint is written,
    `output` contains the intermediate checkpoints for resuming a killed run.
    """
    torch.manual_seed(seed)
    pool = pools.load_or_make(work / "pool", count=shards)
    losses = NameLosses(start, teachers).to("cuda" if torch.cuda.is_available() else "cpu")
    folder = output / "checkpoints"
    hashes = {"start_sha256": hash_weights(start), "teachers_sha256": [hash_weights(teacher) for teacher in teachers]}
    settings = hashes | {"seed": seed, "shards": shards}
    stage = stages.TrainingStage(steps, partial(draw_inputs, pool, losses.processor, seed))
    more = {"optimizers": make_optimizer(losses, steps), "callbacks": [MeanUpdates(losses)]}
    stages.fit_stages(losses, [stage], WEIGHTS, folder, settings, **more)
    losses.use_mean()
    save_checkpoint(losses.model, losses.processor, output)
    shutil.rmtree(folder)


def run(options) -> None:
    """Train as the options say. Raises SpeechError."""
    start, *teachers = (choose_base(name, options.output_dir) for name in (options.start, *options.teacher))
    train(options.output_dir, options.work, start, teachers or [start], options.steps, options.seed, options.shards)


def add_run_options(parser: OptionParser) -> None:
    """Add the options of a run: its output, length, seed and speech."""
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True, help="number of updates")
    parser.add_argument("--seed", type=int, default=0, help="of weights and clips; default: %(default)s")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="cache of the synthesised speech")
    pools.add_shards(parser)


def main(argv: list[str] | None = None) -> int:
    """Train and write the checkpoint; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.train_names", description=__doc__.splitlines()[0])
    parser.add_argument("--start", required=True, help="a checkpoint of training.tiny.train")
    parser.add_argument(
        "--teacher",
        nargs="+",
        default=[],
        help="checkpoints that tell how to go on with speech without listed names; default: --start",
    )
    add_run_options(parser)
    return exit_code_of(partial(run, parser.parse_args(argv)))


if __name__ == "__main__":
    raise SystemExit(main())
