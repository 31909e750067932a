"""Teaches a tiny checkpoint calls of up to half a minute: `python -m training.tiny.train_calls`.

Their texts, and those of Portuguese clips, are learned as in the first training. On all other speech the text has to
stay that of the checkpoint itself. Encoder, embeddings and head stay as they are. The result has the exponential mean
of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

from evaluation.options import OptionParser
from kikitori.errors import exit_code_of
from training.checkpoints import choose_base
from training.synthesis import pool as pools
from training.synthesis.clips import Clip, ClipMaker
from training.tiny.copying import Plan, plan_clip
from training.tiny.polishing import PolishingLosses, polish, start_settings
from training.tiny.train_names import CONTEXT_SHARES, MIX, SEEDS_APART, add_run_options

OTHERS_MIX = {task: share for task, share in MIX.items() if task != "call"}
CALLS_WITH_NAMES_SHARE = 0.1
LONG_CALL_SHARE = 0.85
LEARNED_MIX = {"call": 0.5, "pt": 0.5}
"""Next to calls alone, Portuguese loses words."""
WEIGHTS = {"keep": 4.0, "calls": 1.0}
PEAK_RATE = 1e-4


class CallLosses(PolishingLosses):
    """Its forward pass returns the losses."""

    def forward(
        self, clips: list[Clip], plans: list[Plan], calls: list[Clip], call_plans: list[Plan]
    ) -> dict[str, torch.Tensor]:
        """Return the losses by name. clips: of other tasks. plans, call_plans: of the clips and of the calls."""
        made = self.run_clips(self.model, calls, call_plans)
        return {
            "keep": self.distance_from_teacher(clips, plans),
            "calls": F.cross_entropy(made.logits, made.targets),
        }


def draw_inputs(pool: dict, processor, seed: int, run: int) -> Iterator[dict]:
    """Yield batches without end, as arguments of `CallLosses.forward`. run: the run's seed."""
    seed += run * SEEDS_APART
    others = ClipMaker(pool, OTHERS_MIX, seed, CONTEXT_SHARES)
    calls = ClipMaker(pool, LEARNED_MIX, -1 - seed, {"call": CALLS_WITH_NAMES_SHARE}, long_calls=LONG_CALL_SHARE)
    for clips, of_calls in zip(others.batches(), calls.batches(), strict=False):
        plans, call_plans = ([plan_clip(processor, clip) for clip in batch] for batch in (clips, of_calls))
        yield {"clips": clips, "plans": plans, "calls": of_calls, "call_plans": call_plans}


def train(output: Path, work: Path, start: Path, steps: int, seed: int, shards: int) -> None:
    """Synthesise missing speech, train, and write the checkpoint to `output`. Raises SpeechError.

    seed: of weights and clips. shards: how many of the pool's shards per kind to use.
    """
    torch.manual_seed(seed)
    pool = pools.load_or_make(work / "pool", count=shards)
    losses = CallLosses(start).to("cuda" if torch.cuda.is_available() else "cpu")
    settings = start_settings(start, seed=seed, shards=shards)
    inputs = partial(draw_inputs, pool, losses.processor, seed)
    polish(losses, inputs, WEIGHTS, output, steps=steps, peak_rate=PEAK_RATE, settings=settings)


def run(options) -> None:
    """Train as the options say. Raises SpeechError."""
    start = choose_base(options.start, options.output_dir)
    train(options.output_dir, options.work, start, options.steps, options.seed, options.shards)


def main(argv: list[str] | None = None) -> int:
    """Train and write the checkpoint; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.train_calls", description=__doc__.splitlines()[0])
    parser.add_argument("--start", required=True, help="a checkpoint of training.tiny")
    add_run_options(parser)
    return exit_code_of(partial(run, parser.parse_args(argv)))


if __name__ == "__main__":
    raise SystemExit(main())
