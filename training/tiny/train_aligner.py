"""Trains the tiny aligner: `python -m training.tiny.train_aligner` synthesises speech and writes assets/tiny_aligner.

The training starts from the tiny checkpoint, whose encoder stays frozen. The main loss is the cross entropy of the
timestamps. With it alone the training stays on a plateau: the decoder learns how long words usually last but ignores
the audio. Three auxiliary losses halfway up the decoder solve this:
- clock: an audio token predicts its own time, with the aligner's head. The encoder's positions restart each second, so
  the decoder has to count. The layers above can then read the time from the token.
- words: with the embeddings as output head, an audio token predicts the text token that is spoken, and a timestamp the
  first or last text token of its word.
- look: two attention heads of the next layer are trained to look from a timestamp at the audio token of that time.

`training.tiny.stages` runs the training; after a kill the same command resumes it. Training clips have at most 30 s,
although the head can represent later times.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from evaluation.options import OptionParser
from evaluation.results import hash_weights
from kikitori.errors import exit_code_of
from kikitori.model.encoder import mel_filters
from training.tiny import aligner_clips, stages
from training.tiny.aligner_clips import TOKENS_PER_SECOND, AlignedClip, AlignedClipMaker, token_row
from training.tiny.architecture import STEP_MILLISECONDS, build_aligner, load_checkpoint, save_aligner
from training.tiny.batched_model import attention_logits, encode_audio

ROOT = Path(__file__).parents[2]
WEIGHTS = {"timestamps": 1.0, "clock": 0.5, "words": 0.5, "look": 0.5}
HALFWAY = 2
"""Number of decoder layers below the auxiliary losses."""
LOOKING_HEADS = 2
"""Number of query heads for the look loss: those that share the first key head."""
CLOCK_SHARE = 0.25
"""Share of audio tokens in the clock loss of each step. Neighbouring tokens add little."""
BLUR_STEPS = 1.0
"""Standard deviation of the targets in time steps or audio tokens, because a neighbour is nearly correct."""
HEAD_SCALE = 0.15
"""Amplitude of the head's initial sine waves."""


@dataclass(frozen=True)
class AlignerStage:
    """One stage of the training: its share of the steps, and the share of clips with a single sentence."""

    steps: float
    short: float


STAGES = (AlignerStage(0.35, short=0.8), AlignerStage(0.65, short=0.15))
"""Short clips first: in a short clip a word is easier to find."""
STEPS = 4000


@dataclass(frozen=True)
class Batch:
    """Inputs and targets of the decoder, padded to the longest clip: (clips, tokens) each."""

    embeddings: torch.Tensor  # (clips, tokens, hidden)
    attended: torch.Tensor  # attention mask: 1, and 0 for padding
    audio: torch.Tensor  # True at audio tokens
    stamps: torch.Tensor  # True at timestamps
    text: torch.Tensor  # target of the words loss: the text token at an audio token or timestamp, or -1
    times: torch.Tensor  # seconds, at audio tokens and timestamps


def sine_waves(steps: int, width: int) -> torch.Tensor:
    """Return initial weights of the head in which neighbouring time steps are similar: (steps, width) float32.

    The wavelengths range from 4 to 4 * steps.
    """
    speeds = torch.logspace(0, math.log10(steps), width // 2).reciprocal() * (math.pi / 2)
    phases = torch.arange(steps)[:, None] * speeds
    return torch.cat([phases.sin(), phases.cos()], dim=1) * HEAD_SCALE


def blurred(distances: torch.Tensor) -> torch.Tensor:
    """Convert distances from the true time, (times, choices), to target probabilities of the same shape."""
    return torch.softmax(-0.5 * (distances / BLUR_STEPS) ** 2, dim=1)


def time_loss(logits: torch.Tensor, seconds: torch.Tensor) -> torch.Tensor:
    """Return the cross entropy of logits (times, time steps) with the true times in seconds (times,)."""
    steps = torch.arange(logits.shape[1], device=logits.device)
    return F.cross_entropy(logits, blurred(steps - seconds[:, None] * (1000 / STEP_MILLISECONDS)))


class AlignerLosses(nn.Module):
    """The aligner. Its forward pass returns the losses of a batch."""

    def __init__(self, start: Path):
        super().__init__()
        self.processor, tiny = load_checkpoint(start)
        self.model = build_aligner(tiny.config, self.processor.tokenizer)
        thinker = self.model.thinker
        thinker.audio_tower.load_state_dict(tiny.thinker.audio_tower.state_dict())
        thinker.audio_tower.requires_grad_(False)
        thinker.model.load_state_dict(tiny.thinker.model.state_dict())
        with torch.no_grad():
            thinker.lm_head.weight.copy_(sine_waves(*thinker.lm_head.weight.shape))
        self.register_buffer("filters", mel_filters(self.processor, "cpu"), persistent=False)

    def forward(self, clips: list[AlignedClip]) -> dict[str, torch.Tensor]:
        """Return the losses by name, and the median error of the timestamps in ms."""
        thinker = self.model.thinker
        batch = self._batch(clips)
        hidden = thinker.model(
            inputs_embeds=batch.embeddings, attention_mask=batch.attended, use_cache=False, output_hidden_states=True
        ).hidden_states
        logits = thinker.lm_head(hidden[-1][batch.stamps])
        halfway = thinker.model.norm(hidden[HALFWAY])
        clocks = batch.audio & (torch.rand(batch.audio.shape, device=batch.audio.device) < CLOCK_SHARE)
        has_text = batch.text >= 0
        errors = (logits.argmax(1) * STEP_MILLISECONDS - batch.times[batch.stamps] * 1000).abs()
        return {
            "timestamps": time_loss(logits, batch.times[batch.stamps]),
            "clock": time_loss(thinker.lm_head(halfway[clocks]), batch.times[clocks]),
            "words": F.cross_entropy(halfway[has_text] @ thinker.model.embed_tokens.weight.T, batch.text[has_text]),
            "look": self._look_loss(hidden[HALFWAY], batch),
            "median error in ms": errors.median(),
        }

    def _batch(self, clips: list[AlignedClip]) -> Batch:
        thinker = self.model.thinker
        with torch.no_grad():
            audio, mask = encode_audio(thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        rows = [
            token_row(self.processor.tokenizer, clip, int(kept.sum())) for clip, kept in zip(clips, mask, strict=True)
        ]
        ids, text, times = (
            pad_sequence([torch.tensor(row) for row in column], batch_first=True, padding_value=-1).to(audio.device)
            for column in zip(*rows, strict=True)
        )
        is_audio = ids == thinker.config.audio_token_id
        embeddings = thinker.model.embed_tokens(ids.clamp(min=0)).masked_scatter(is_audio[:, :, None], audio[mask])
        stamps = ids == self.model.config.timestamp_token_id
        return Batch(embeddings, (ids >= 0).long(), is_audio, stamps, text, times)

    def _look_loss(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the cross entropy of the attention at timestamps with the audio tokens at their times.

        hidden: the input of layer HALFWAY, (clips, tokens, hidden).
        """
        logits = attention_logits(self.model.thinker.model, HALFWAY, hidden, slice(LOOKING_HEADS))
        losses = []
        for row, stamps in enumerate(batch.stamps):
            distances = (batch.times[row] - batch.times[row, stamps][:, None]) * TOKENS_PER_SECOND
            truth = blurred(distances.masked_fill(~batch.audio[row], 1e4))
            looks = logits[row, :, stamps].flatten(0, 1)
            losses.append(F.cross_entropy(looks, truth.repeat(LOOKING_HEADS, 1), reduction="none"))
        return torch.cat(losses).mean()


def draw_inputs(pool: dict, short: float, seed: int) -> Iterator[dict]:
    """Yield batches without end, as arguments of `AlignerLosses.forward`. short: share of single-sentence clips."""
    for clips in AlignedClipMaker(pool, short, seed).batches():
        yield {"clips": clips}


def train(output: Path, work: Path, start: Path, steps: int) -> None:
    """Synthesise missing speech, train, and write the aligner to `output`. Raises SpeechError.

    start: a tiny checkpoint. steps: number of updates, to which stages and learning rate schedule are scaled. Until the
    aligner is written, `output` contains the intermediate checkpoints for resuming a killed run.
    """
    torch.manual_seed(0)
    pool = aligner_clips.load_or_make(work / "aligner")
    losses = AlignerLosses(start)
    planned = [
        stages.TrainingStage(round(stage.steps * steps), partial(draw_inputs, pool, stage.short)) for stage in STAGES
    ]
    folder = output / "checkpoints"
    stages.fit_stages(losses, planned, WEIGHTS, folder, {"start_sha256": hash_weights(start)})
    save_aligner(losses.model, losses.processor, output)
    shutil.rmtree(folder)


def main(argv: list[str] | None = None) -> int:
    """Train and write the aligner; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.train_aligner", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, default=ROOT / "assets" / "tiny_aligner")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="cache of the synthesised speech")
    parser.add_argument("--start", type=Path, default=ROOT / "assets" / "tiny", help="a tiny checkpoint to start from")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(argv)
    return exit_code_of(lambda: train(options.output_dir, options.work, options.start, options.steps))


if __name__ == "__main__":
    raise SystemExit(main())
