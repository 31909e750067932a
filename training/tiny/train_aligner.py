"""Make the tiny aligner: `python -m training.aligner` speaks its data, trains, and writes assets/tiny_aligner.

It begins as the tiny checkpoint, whose encoder stays as it is. The loss is cross entropy on the timestamps. Alone it
stays on the plateau where the decoder knows how long words take and does not listen, so three auxiliary losses point
the way, all halfway up the decoder:
- clock: an audio token tells its own time, by the aligner's head. The encoder's positions begin anew each second, so
  the decoder has to count; the layers above find the time there when they look at the token.
- words: an audio token tells what is being said, a timestamp what its word begins or ends with, by the embeddings.
- look: two heads of the layer above look from a timestamp at the audio token at that time.
The training itself is `training.stages`, as the tiny checkpoint's: a killed run goes on when it is called again.
Not covered: clips longer than training's 30 s, although the head reaches further.
"""

from __future__ import annotations

import argparse
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

from evaluation.results import hash_weights
from kikitori.errors import exit_code_of
from kikitori.model.encoder import mel_filters
from training.tiny import aligner_clips, stages
from training.tiny.aligner_clips import TOKENS_PER_SECOND, AlignedClip, AlignedClipMaker, token_row
from training.tiny.architecture import STEP_MILLISECONDS, build_aligner, save_aligner
from training.tiny.batched_model import attention_logits, hear

ROOT = Path(__file__).parents[2]
WEIGHTS = {"timestamps": 1.0, "clock": 0.5, "words": 0.5, "look": 0.5}
HALFWAY = 2
"""Layers below the auxiliary losses."""
LOOKING_HEADS = 2
"""Of four: those that share the first head of keys."""
CLOCK_SHARE = 0.25
"""Of the audio tokens tell their time in each step; neighbours would say the same."""
BLUR_STEPS = 1.0
"""Standard deviation of the truth, in steps of time or audio tokens: a neighbour is nearly as right."""
HEAD_SCALE = 0.15


@dataclass(frozen=True)
class Stage:
    """A stretch of training: its share of the steps, and the share of clips that are one utterance alone."""

    steps: float
    short: float


STAGES = (Stage(0.35, short=0.8), Stage(0.65, short=0.15))
"""Short clips first: in them a word's sound is soon found among few."""
STEPS = 4000


@dataclass(frozen=True)
class Batch:
    """Clips as the decoder sees them, padded to the longest: (clips, tokens) each."""

    embeddings: torch.Tensor  # (clips, tokens, hidden)
    attended: torch.Tensor  # 1, and 0 after a clip's end
    audio: torch.Tensor  # True at audio tokens
    stamps: torch.Tensor  # True at timestamps
    said: torch.Tensor  # the text token that is said at an audio token or that a timestamp belongs to, or -1
    times: torch.Tensor  # seconds, at audio tokens and timestamps


def sine_waves(steps: int, width: int) -> torch.Tensor:
    """A head that takes neighbouring steps of time for alike: (steps, width) float32.

    The waves of each row are from 4 steps long to four times all of them.
    """
    speeds = torch.logspace(0, math.log10(steps), width // 2).reciprocal() * (math.pi / 2)
    phases = torch.arange(steps)[:, None] * speeds
    return torch.cat([phases.sin(), phases.cos()], dim=1) * HEAD_SCALE


def blurred(distances: torch.Tensor) -> torch.Tensor:
    """Distances from the truth, (times, choices) -> what each choice should be given, the same shape."""
    return torch.softmax(-0.5 * (distances / BLUR_STEPS) ** 2, dim=1)


def time_loss(logits: torch.Tensor, seconds: torch.Tensor) -> torch.Tensor:
    """Cross entropy of logits (times, steps of time) with the truth (times,)."""
    steps = torch.arange(logits.shape[1], device=logits.device)
    return F.cross_entropy(logits, blurred(steps - seconds[:, None] * (1000 / STEP_MILLISECONDS)))


class Losses(nn.Module):
    """The model and the losses of a batch."""

    def __init__(self, start: Path):
        from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration, Qwen3ASRProcessor

        super().__init__()
        self.processor = Qwen3ASRProcessor.from_pretrained(start)
        tiny = Qwen3ASRForConditionalGeneration.from_pretrained(start, dtype=torch.float32)
        self.model = build_aligner(tiny.config, self.processor.tokenizer)
        thinker = self.model.thinker
        thinker.audio_tower.load_state_dict(tiny.thinker.audio_tower.state_dict())
        thinker.audio_tower.requires_grad_(False)
        thinker.model.load_state_dict(tiny.thinker.model.state_dict())
        with torch.no_grad():
            thinker.lm_head.weight.copy_(sine_waves(*thinker.lm_head.weight.shape))
        self.register_buffer("filters", mel_filters(self.processor, "cpu"), persistent=False)

    def forward(self, clips: list[AlignedClip]) -> dict[str, torch.Tensor]:
        """The losses, and the timestamps' median error in ms."""
        thinker = self.model.thinker
        batch = self._batch(clips)
        hidden = thinker.model(
            inputs_embeds=batch.embeddings, attention_mask=batch.attended, use_cache=False, output_hidden_states=True
        ).hidden_states
        logits = thinker.lm_head(hidden[-1][batch.stamps])
        halfway = thinker.model.norm(hidden[HALFWAY])
        asked = batch.audio & (torch.rand(batch.audio.shape, device=batch.audio.device) < CLOCK_SHARE)
        saying = batch.said >= 0
        errors = (logits.argmax(1) * STEP_MILLISECONDS - batch.times[batch.stamps] * 1000).abs()
        return {
            "timestamps": time_loss(logits, batch.times[batch.stamps]),
            "clock": time_loss(thinker.lm_head(halfway[asked]), batch.times[asked]),
            "words": F.cross_entropy(halfway[saying] @ thinker.model.embed_tokens.weight.T, batch.said[saying]),
            "look": self._look_loss(hidden[HALFWAY], batch),
            "median error in ms": errors.median(),
        }

    def _batch(self, clips: list[AlignedClip]) -> Batch:
        thinker = self.model.thinker
        with torch.no_grad():
            audio, mask = hear(thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        rows = [
            token_row(self.processor.tokenizer, clip, int(kept.sum())) for clip, kept in zip(clips, mask, strict=True)
        ]
        ids, said, times = (
            pad_sequence([torch.tensor(row) for row in column], batch_first=True, padding_value=-1).to(audio.device)
            for column in zip(*rows, strict=True)
        )
        is_audio = ids == thinker.config.audio_token_id
        embeddings = thinker.model.embed_tokens(ids.clamp(min=0)).masked_scatter(is_audio[:, :, None], audio[mask])
        stamps = ids == self.model.config.timestamp_token_id
        return Batch(embeddings, (ids >= 0).long(), is_audio, stamps, said, times)

    def _look_loss(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross entropy of the LOOKING_HEADS' attention at timestamps with the audio tokens at their times.

        hidden: what the layer gets, (clips, tokens, hidden). Its own attention does not give its weights away.
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
    """Endless batches, as `Losses.forward` takes them; short: the share of clips that are one utterance alone."""
    for clips in AlignedClipMaker(pool, short, seed).batches():
        yield {"clips": clips}


def train(output: Path, work: Path, start: Path, steps: int) -> None:
    """Speak what is missing, train, write the aligner to `output`. Raises SpeechError.

    start: a tiny checkpoint. steps: updates; the stages and the learning rate's schedule stretch with them. What a
    killed run needs to go on is kept in `output` until the aligner is written.
    """
    torch.manual_seed(0)
    pool = aligner_clips.load_or_make(work / "aligner")
    losses = Losses(start)
    planned = [stages.Stage(round(stage.steps * steps), partial(draw_inputs, pool, stage.short)) for stage in STAGES]
    folder = output / "checkpoints"
    stages.fit_stages(losses, planned, WEIGHTS, folder, {"start_sha256": hash_weights(start)})
    save_aligner(losses.model, losses.processor, output)
    shutil.rmtree(folder)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.aligner", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, default=ROOT / "assets" / "tiny_aligner")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="where spoken data is kept")
    parser.add_argument("--start", type=Path, default=ROOT / "assets" / "tiny", help="the tiny checkpoint to begin as")
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args(argv)
    return exit_code_of(lambda: train(options.output_dir, options.work, options.start, options.steps))


if __name__ == "__main__":
    raise SystemExit(main())
