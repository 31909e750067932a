"""Teaches a tiny checkpoint languages in unusual voices: `python -m training.tiny.train_languages`.

It synthesises English and Portuguese sentences in many voices, and keeps those whose language the checkpoint is unsure
of. The decoder's layers learn it. On all other speech the text has to stay that of the checkpoint itself, its teacher.
Encoder, embeddings and head stay as they are.

The result has the exponential mean of the weights.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from evaluation.options import OptionParser
from kikitori.errors import exit_code_of
from training.checkpoints import choose_base
from training.collator import native_text, prompt_text
from training.synthesis import pool as pools
from training.synthesis import voices
from training.synthesis.clips import SPOKEN_LANGUAGE, Clip, ClipMaker
from training.tiny.copying import Plan, plan_clip
from training.tiny.polishing import PolishingLosses, polish, start_settings
from training.tiny.train_names import CONTEXT_SHARES, MIX, SEEDS_APART, add_run_options

KINDS = ("pt", "pt", "pt", "en2ja", "en2ja", "names_pt", "names_en")
"""Of the sentences in unusual voices; one that is named several times is drawn more often."""
VARIANTS = """
Andy Annie Denis Diogo Gene Gene2 Jacky Lee Mario Michael Nguyen Storm Tweaky UniRobot adam anika announcer antonio
aunty belinda benjamin boris caleb david ed edward edward2 fast grandma grandpa gustave iven iven2 iven3 iven4 john
kaukovalta klatt klatt2 klatt3 klatt4 klatt5 klatt6 linda marcelo max michel miguel norbert pablo paul pedro quincy rob
robert robosoft robosoft2 robosoft3 robosoft4 robosoft5 robosoft6 robosoft7 robosoft8 sandro shelby steph steph2 steph3
travis victor zac
""".split()
"""Unusual voices of espeak-ng."""
PITCHES, SPEEDS, WARPS = (20, 80), (0.85, 1.15), (0.9, 1.1)
UNSURE, SURE_KEPT = 0.97, 0.05
"""Clips are kept whose language has a lower probability than the first, and this share of the others."""
CLIPS_AT_ONCE, WARPS_AGAIN = 24, (0.95, 1.05)
WEIGHTS = {"keep": 6.0, "language": 1.0}
PEAK_RATE = 1.5e-4


@dataclass(frozen=True)
class UnusualVoice:
    """A sentence in an unusual voice, as a training step hears it. waveform: float32 mono 16 kHz, (samples,)."""

    waveform: np.ndarray
    language: str


class LanguageLosses(PolishingLosses):
    """Its forward pass returns the losses."""

    def forward(self, clips: list[Clip], plans: list[Plan], unusual: list[UnusualVoice]) -> dict[str, torch.Tensor]:
        """Return the losses by name. plans: of the clips."""
        return {
            "keep": self.distance_from_teacher(clips, plans),
            "language": self.language_errors(unusual).mean(),
        }

    def language_errors(self, unusual: list[UnusualVoice]) -> torch.Tensor:
        """Return the negative logarithm of the probability of each clip's language: (clips,)."""
        tokenizer = self.processor.tokenizer
        prompts = [tokenizer(prompt_text(self.processor)).input_ids] * len(unusual)
        answers = [tokenizer(native_text(one.language, "")).input_ids for one in unusual]
        made = self.run(self.model, [one.waveform for one in unusual], prompts, answers)
        errors = F.cross_entropy(made.logits, made.targets, reduction="none")
        return torch.stack([part.sum() for part in errors.split([len(answer) for answer in answers])])


def speak_unusual(rng: random.Random) -> Iterator[tuple[str, voices.SpokenSentence]]:
    """Yield sentences in unusual voices and in those of training without end, each after its language."""
    makers = {kind: pools.MAKERS[kind](rng.getrandbits(32)) for kind in sorted({*KINDS})}
    variants = VARIANTS + voices.TRAINING_VARIANTS * 2
    while True:
        kind = rng.choice(KINDS)
        engine = voices.ENGLISH_ENGINE if kind in pools.ENGLISH_KINDS else voices.PORTUGUESE_ENGINE
        voice = voices.Voice(engine, rng.choice(variants), pitch=rng.randint(*PITCHES), speed=rng.uniform(*SPEEDS))
        spoken = pools.speak_sentence(kind, makers[kind].draw(), voice).warped(rng.uniform(*WARPS))
        yield SPOKEN_LANGUAGE[kind], spoken


def mix(rng: random.Random, language: str, spoken: voices.SpokenSentence) -> UnusualVoice:
    """Return a sentence with quiet and noise around it, another one each time."""
    warped = spoken.warped(rng.uniform(*WARPS_AGAIN)).waveform
    return UnusualVoice(voices.mix([warped], voices.draw_gaps(rng, 1), rng, telephone=False), language)


@torch.no_grad()
def find_unsure(losses: LanguageLosses, count: int, seed: int) -> list[tuple[str, voices.SpokenSentence]]:
    """Speak `count` sentences, and return those whose language the model is unsure of, and a few others."""
    rng = random.Random(f"unusual voices {seed}")
    spoken, found = speak_unusual(rng), []
    while count > 0:
        drawn = [next(spoken) for _ in range(min(count, CLIPS_AT_ONCE))]
        errors = losses.language_errors([mix(rng, *one) for one in drawn])
        shares = errors.neg().exp().tolist()
        found += [one for one, share in zip(drawn, shares, strict=True) if share < UNSURE or rng.random() < SURE_KEPT]
        count -= len(drawn)
    return found


def draw_inputs(pool: dict, unsure: list, processor, seed: int, run: int) -> Iterator[dict]:
    """Yield batches without end, as arguments of `LanguageLosses.forward`. run: the run's seed."""
    seed += run * SEEDS_APART
    rng = random.Random(seed)
    for clips in ClipMaker(pool, MIX, seed, CONTEXT_SHARES).batches():
        unusual = [mix(rng, *rng.choice(unsure)) for _ in range(CLIPS_AT_ONCE)]
        yield {"clips": clips, "plans": [plan_clip(processor, clip) for clip in clips], "unusual": unusual}


def train(output: Path, work: Path, start: Path, steps: int, seed: int, shards: int, sentences: int) -> None:
    """Synthesise speech, train, and write the checkpoint to `output`. Raises SpeechError.

    seed: of weights and clips. shards: how many of the pool's shards per kind to use. sentences: how many to speak in
    unusual voices.
    """
    torch.manual_seed(seed)
    pool = pools.load_or_make(work / "pool", count=shards)
    losses = LanguageLosses(start).to("cuda" if torch.cuda.is_available() else "cpu")
    inputs = partial(draw_inputs, pool, find_unsure(losses, sentences, seed), losses.processor, seed)
    settings = start_settings(start, seed=seed, shards=shards, sentences=sentences)
    polish(losses, inputs, WEIGHTS, output, steps=steps, peak_rate=PEAK_RATE, settings=settings)


def run(options) -> None:
    """Train as the options say. Raises SpeechError."""
    start = choose_base(options.start, options.output_dir)
    train(options.output_dir, options.work, start, options.steps, options.seed, options.shards, options.sentences)


def main(argv: list[str] | None = None) -> int:
    """Train and write the checkpoint; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.train_languages", description=__doc__.splitlines()[0])
    parser.add_argument("--start", required=True, help="a checkpoint of training.tiny")
    parser.add_argument("--sentences", type=int, default=4800, help="how many to speak; default: %(default)s")
    add_run_options(parser)
    return exit_code_of(partial(run, parser.parse_args(argv)))


if __name__ == "__main__":
    raise SystemExit(main())
