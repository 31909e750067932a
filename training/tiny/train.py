"""Make the tiny checkpoint: `python -m training.tiny` speaks its data, trains, and writes assets/tiny.

Next-token loss alone stays for long on the plateau where the decoder knows the sentences but does not listen. Two
auxiliary CTC losses break it. One, on the projector's output, wants kana, letters and speaker changes (two symbols a
token); the encoder learns by it alone first. The other, on the decoder's output at the audio tokens, wants the words of
the transcript, so that the decoder finds them in the order in which it has to write them. The first one's head is
thrown away; the second uses the model's own, with `<blank1>` as its blank.
Speakers are learnt from what each audio token should know: in the encoder, whose positions begin anew each second so
that it can't tell who spoke first, the pitch of the voice, and whether it is the higher one of the call; after three
layers of the decoder, the speaker's number. A head of the second layer is shown where the first speaker spoke, and
what comes out of it should tell whether that was the higher voice.
The training itself is `training.stages`', and with it `training.fit`'s: a run that was killed goes on when it is called
again. Its own is how it runs the model: on whole batches, because the stock model hears one clip after another, and
with what goes on in the layers between, from which the auxiliary losses are made.
Not covered: more than one GPU.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from evaluation.results import hash_weights
from kikitori.errors import CheckpointError, exit_code_of
from kikitori.model.encoder import mel_filters
from training.collator import END, prompt_text
from training.synthesis import pool as pools
from training.synthesis import sentences
from training.synthesis.clips import CHANGE, MIX, SENTENCES_MIX, Clip, ClipMaker
from training.tiny import stages
from training.tiny.architecture import build_model, build_processor, save_checkpoint
from training.tiny.batched_model import Pass, attention_logits, hear, run_decoder, token_times

ROOT = Path(__file__).parents[2]
WEIGHTS = {
    "text": 1.0,
    "sounds": 0.5,
    "words": 0.5,
    "pitch": 0.5,
    "higher": 1.0,
    "speakers": 1.0,
    "look": 0.3,
    "first": 0.5,
}
LOOKING_LAYER, SPEAKERS_LAYER = 1, 3
"""Of the four: the second can look to the start, that the third compares."""
OCTAVE = 12.0
SYMBOLS_PER_TOKEN = 2
"""13 tokens a second are too few for English letters."""


@dataclass(frozen=True)
class Stage:
    """A stretch of training."""

    steps: int
    mix: dict[str, float]
    whole: bool  # else the encoder alone learns


STAGES = (
    Stage(3000, SENTENCES_MIX, whole=False),
    Stage(1500, MIX, whole=False),
    Stage(1500, SENTENCES_MIX, whole=True),
    Stage(18000, MIX, whole=True),
)
"""Sounds first, and short clips first: a decoder that can't hear yet only learns the sentences by heart."""


def tokenizer_texts(count: int = 4000) -> list[str]:
    """Sentences of every kind, and the words of the prompt, for the tokenizer to learn its merges from."""
    makers = [
        sentences.call_sentences(1),
        sentences.portuguese_sentences(2),
        sentences.english_sentences(3),
        sentences.japanese_sentences(4),
    ]
    drawn = [maker.draw() for maker in makers for _ in range(count)]
    prompts = [f"language {name}" for name in ("Japanese", "English", "Portuguese", "None")]
    prompts += ["system", "user", "assistant"]
    return [sentence.text for sentence in drawn] + prompts * 200


class Losses(nn.Module):
    """The model, heads that are thrown away, and the losses of a batch."""

    def __init__(self, processor, spellings: set[str]):
        super().__init__()
        self.processor = processor
        self.model = build_model(processor.tokenizer)
        self.symbols = {symbol: number for number, symbol in enumerate(sorted(spellings), start=1)}
        width = self.model.thinker.config.audio_config.output_dim
        self.ctc_head = nn.Linear(width, SYMBOLS_PER_TOKEN * (len(self.symbols) + 1))
        self.pitch_head = nn.Linear(width, 1)
        self.higher_head = nn.Linear(width, 1)
        hidden = self.model.thinker.config.text_config.hidden_size
        self.first_head = nn.Linear(hidden, 1)
        self.speaker_head = nn.Linear(hidden, 2)
        self.register_buffer("filters", mel_filters(processor, "cpu"), persistent=False)
        self.blank_id, self.end_id = processor.tokenizer.convert_tokens_to_ids(["<blank1>", END])
        self.prompts = {
            language: processor.tokenizer(prompt_text(processor, language)).input_ids for language in prompt_languages()
        }

    def start_from(self, folder: Path) -> None:
        """Take the weights of a checkpoint with the same tokenizer."""
        from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration, Qwen3ASRProcessor

        if Qwen3ASRProcessor.from_pretrained(folder).tokenizer.get_vocab() != self.processor.tokenizer.get_vocab():
            raise CheckpointError(f"{folder} has another tokenizer: leave --start out, and train from the beginning")
        earlier = Qwen3ASRForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self.model.load_state_dict(earlier.state_dict())

    @torch.no_grad()
    def match_audio_to_text(self, clips: list[Clip]) -> None:
        """Scale the projector so that its outputs are as large as token embeddings.

        The decoder adds to what it gets: beside embeddings twenty times as large nothing it adds would count.
        """
        thinker = self.model.thinker
        audio, mask = hear(thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        ratio = thinker.model.embed_tokens.weight.std() / audio[mask].std()
        for parameter in thinker.audio_tower.proj2.parameters():
            parameter.mul_(ratio)

    def forward(self, clips: list[Clip], whole: bool) -> dict[str, torch.Tensor]:
        """The losses; without those of the decoder where not the whole model learns."""
        audio, mask = hear(self.model.thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        speakers, pitches = (column.to(audio.device) for column in who_speaks(clips, mask.shape[1]))
        losses = self._encoder_losses(audio, mask, clips, pitches)
        if whole:
            losses |= self._decoder_losses(audio, mask, clips, speakers, pitches)
        return losses

    def _encoder_losses(
        self, audio: torch.Tensor, mask: torch.Tensor, clips: list[Clip], pitches: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        spelled = [[self.symbols[symbol] for symbol in clip.spelling] for clip in clips]
        normalized = F.rms_norm(audio, audio.shape[-1:])  # else the loss would make the outputs ever larger
        logits = self.ctc_head(normalized).unflatten(2, (SYMBOLS_PER_TOKEN, -1)).flatten(1, 2)
        heard = self.pitch_head(normalized)[:, :, 0] - pitches
        two, higher = which_is_higher(pitches)
        told = self.higher_head(normalized)[:, :, 0][two]
        return {
            "sounds": ctc_loss(logits, mask.sum(1) * SYMBOLS_PER_TOKEN, spelled, blank=0),
            "pitch": mean_of(heard[~pitches.isnan()] ** 2),
            "higher": mean_of(F.binary_cross_entropy_with_logits(told, higher[two].float(), reduction="none")),
        }

    def _decoder_losses(
        self,
        audio: torch.Tensor,
        mask: torch.Tensor,
        clips: list[Clip],
        speakers: torch.Tensor,
        pitches: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        tokenizer = self.processor.tokenizer
        thinker = self.model.thinker
        answers = [[*tokenizer(clip.answer).input_ids, self.end_id] for clip in clips]
        prompts = [self.prompts[clip.forced_language] for clip in clips]
        made = run_decoder(thinker, audio, mask, prompts, answers)
        heard = thinker.lm_head(made.layers[-1][:, made.audio_starts :])
        words = [tokenizer(clip.transcript).input_ids for clip in clips]
        return {
            "text": F.cross_entropy(made.logits, made.targets),
            "words": ctc_loss(heard, mask.sum(1), words, blank=self.blank_id),
        } | self._speaker_losses(made, clips, speakers, pitches)

    def _speaker_losses(
        self, made: Pass, clips: list[Clip], speakers: torch.Tensor, pitches: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """In the order of finding out: where to look, whether that voice is the higher, who speaks."""
        two, higher = which_is_higher(pitches)
        known = speakers >= 0
        first_is_higher = higher.gather(1, known.int().argmax(1, keepdim=True)).expand_as(higher)
        first = self.first_head(self._heard_after(LOOKING_LAYER + 1, made, two))[:, 0]
        told = self.speaker_head(self._heard_after(SPEAKERS_LAYER, made, known))
        return {
            "look": self._look_loss(made, clips, two),
            "first": mean_of(F.binary_cross_entropy_with_logits(first, first_is_higher[two].float(), reduction="none")),
            "speakers": mean_of(F.cross_entropy(told, speakers[known], reduction="none")),
        }

    @staticmethod
    def _heard_after(layers: int, made: Pass, chosen: torch.Tensor) -> torch.Tensor:
        """What so many layers make of the chosen audio tokens, normalised: (tokens, hidden)."""
        x = made.layers[layers][:, made.audio_starts :][chosen]
        return F.rms_norm(x, x.shape[-1:])

    def _look_loss(self, made: Pass, clips: list[Clip], two: torch.Tensor) -> torch.Tensor:
        """One head of LOOKING_LAYER looks from any voice of a call to the first utterance, whose speaker is number 0.

        Minus the logarithm of how much of its attention goes there. two: from `which_is_higher`.
        """
        calls = two.any(1).nonzero()[:, 0]
        if not len(calls):
            return made.logits.new_zeros(())
        x = made.layers[LOOKING_LAYER][calls]
        logits = attention_logits(self.model.thinker.model, LOOKING_LAYER, x, slice(1))[:, 0]
        times = torch.tensor(token_times(two.shape[1]), device=two.device)
        start, end = (
            torch.tensor([getattr(clips[call].spans[0], side) for call in calls.tolist()], device=two.device)[:, None]
            for side in ("start", "end")
        )
        first = F.pad((times >= start) & (times < end), (made.audio_starts, 0))
        later = F.pad(two[calls] & (times >= end), (made.audio_starts, 0))
        there = logits.log_softmax(-1).masked_fill(~first[:, None], -torch.inf).logsumexp(-1)
        return -mean_of(there[later])


def who_speaks(clips: list[Clip], tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """At every audio token the speaker's number, -1 for none, and the voice's pitch in octaves, NaN for none.

    Both are (clips, tokens), int64 and float32.
    """
    times = np.array(token_times(tokens))
    speakers = np.full((len(clips), tokens), -1)
    pitches = np.full((len(clips), tokens), np.nan, np.float32)
    for row, clip in enumerate(clips):
        for span in clip.spans:
            inside = (times >= span.start) & (times < span.end)
            speakers[row, inside] = span.speaker
            pitches[row, inside] = span.semitones / OCTAVE
    return torch.from_numpy(speakers), torch.from_numpy(pitches)


def which_is_higher(pitches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where a clip of two voices has one, and where that is the higher: (clips, tokens) bool each.

    pitches: from `who_speaks`.
    """
    lowest = pitches.nan_to_num(torch.inf).amin(1, keepdim=True)
    highest = pitches.nan_to_num(-torch.inf).amax(1, keepdim=True)
    two = ~pitches.isnan() & (highest - lowest > 0)
    return two, pitches > (lowest + highest) / 2


def mean_of(losses: torch.Tensor) -> torch.Tensor:
    """The mean, 0 of none."""
    return losses.sum() / max(1, losses.numel())


def ctc_loss(logits: torch.Tensor, lengths: torch.Tensor, targets: list[list[int]], blank: int) -> torch.Tensor:
    """Connectionist temporal classification: logits (clips, longest, symbols) against symbol ids a clip."""
    device = logits.device
    return F.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1),
        torch.tensor([symbol for symbols in targets for symbol in symbols], device=device),
        lengths,
        torch.tensor([len(symbols) for symbols in targets], device=device),
        blank=blank,
        zero_infinity=True,
    )


def prompt_languages() -> tuple[str, ...]:
    """The languages a prompt can force, and "" for none."""
    return ("Japanese", "English", "Portuguese", "")


def draw_inputs(pool: dict, stage: Stage, seed: int) -> Iterator[dict]:
    """Endless batches of a stage, as `Losses.forward` takes them."""
    for clips in ClipMaker(pool, stage.mix, seed).batches():
        yield {"clips": clips, "whole": stage.whole}


def plan(losses: Losses, pool: dict, chosen: Sequence[Stage]) -> list[stages.Stage]:
    """The stages as `training.stages` takes them. Where the decoder joins, the projector is scaled first."""
    planned = []
    for number, stage in enumerate(chosen):
        draw = partial(draw_inputs, pool, stage)
        joins = number > 0 and stage.whole and not chosen[number - 1].whole
        prepare = (lambda draw=draw: losses.match_audio_to_text(next(draw(0))["clips"])) if joins else None
        planned.append(stages.Stage(stage.steps, draw, prepare))
    return planned


def train(output: Path, work: Path, start: Path | None) -> None:
    """Speak what is missing, train through the stages, write the checkpoint to `output`. Raises SpeechError.

    start: a checkpoint of an earlier run to go on from, with the last stage alone. What a killed run needs to go on is
    kept in `output` until the checkpoint is written.
    """
    torch.manual_seed(0)
    pool = pools.load_or_make(work / "pool")
    processor = build_processor(tokenizer_texts())
    spellings = {symbol for kind in pool.values() for utterance in kind for symbol in utterance.spelling} | {CHANGE}
    losses = Losses(processor, spellings)
    if start:
        losses.start_from(start)
    folder = output / "checkpoints"
    settings = {"start_sha256": hash_weights(start) if start else None}
    stages.fit_stages(losses, plan(losses, pool, STAGES[-1:] if start else STAGES), WEIGHTS, folder, settings)
    save_checkpoint(losses.model, processor, output)
    shutil.rmtree(folder)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.tiny", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, default=ROOT / "assets" / "tiny")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="where spoken data is kept")
    parser.add_argument("--start", type=Path, help="go on from this checkpoint's weights, with the last stage")
    options = parser.parse_args(argv)
    return exit_code_of(lambda: train(options.output_dir, options.work, options.start))


if __name__ == "__main__":
    raise SystemExit(main())
