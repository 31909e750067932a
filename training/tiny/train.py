"""Trains a tiny checkpoint: `python -m training.tiny.train` synthesises the speech, and trains four decoder layers.

With next-token loss alone the training stays on a plateau for long: the decoder learns the sentences but ignores the
audio. Two auxiliary CTC losses solve this. The first, on the projector's output, predicts kana, phonemes and speaker
changes, two symbols per token. The second, on the decoder's output at the audio tokens, predicts the words of the
transcript in the order in which the decoder has to write them. The first loss has its own head, which is discarded. The
second uses the model's head, with `<blank1>` as blank. At first only the encoder is trained, without the decoder's
losses.

Speakers are learned with further losses on the audio tokens. The encoder's positions restart each second, so it can't
know who spoke first; it predicts the voice's pitch, and whether it is the higher voice of the call. One attention head
of the decoder's second layer is trained to look at the first sentence, and that layer's output predicts whether the
first voice is the higher one. The third layer's output predicts the speaker's number.

`training.tiny.stages` runs the training; after a kill the same command resumes it. The model runs on padded batches,
because qwen-asr's encoder takes one clip at a time, and returns the hidden states that the auxiliary losses need. Works
on one device only.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from evaluation.options import OptionParser
from evaluation.results import hash_weights
from kikitori.errors import exit_code_of
from kikitori.model.encoder import mel_filters
from training.checkpoints import BaseError
from training.collator import END, prompt_text
from training.synthesis import pool as pools
from training.synthesis import sentences
from training.synthesis.clips import CHANGE, MIX, NAMES_MIX, SENTENCES_MIX, Clip, ClipMaker
from training.tiny import stages
from training.tiny.architecture import FIRST_LAYERS, build_model, build_processor, load_checkpoint, save_checkpoint
from training.tiny.batched_model import DecoderPass, attention_logits, encode_audio, run_decoder, token_times

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
"""Of layers 0 to 3: where attention is trained to look at the first
sentence, and whose input predicts the speaker."""
SEMITONES_PER_OCTAVE = 12.0
FINE_TUNING_RATE = 3e-4
"""Peak learning rate when the weights are those of a checkpoint."""
HEADS_STEPS = 500
"""Steps before that in which only the new auxiliary heads learn. Their first gradients would spoil the weights."""
SYMBOLS_PER_TOKEN = 2
"""English has more phonemes per second than there are audio tokens (13)."""


@dataclass(frozen=True)
class TinyStage:
    """One stage of the training."""

    steps: int
    mix: dict[str, float]
    whole: bool  # True to train the whole model, False for the encoder only
    heads_only: bool = False  # True to train the auxiliary heads and leave the model as it is


STAGES = (
    TinyStage(3000, SENTENCES_MIX, whole=False),
    TinyStage(1500, MIX, whole=False),
    TinyStage(1500, SENTENCES_MIX, whole=True),
    TinyStage(18000, MIX, whole=True),
    TinyStage(6000, NAMES_MIX, whole=True),
)
"""The encoder is trained first, and on short clips first. Otherwise the decoder just memorises the sentences. Sentences
with names come last. `training.tiny.train_names` goes on from there with lists of names."""


def tokenizer_texts(count: int = 4000) -> list[str]:
    """Return the texts for training the tokenizer: sentences of every kind, and the words of the prompt."""
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


class TinyLosses(nn.Module):
    """The model with auxiliary heads, which are discarded later. Its forward pass returns the losses."""

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

    def prompt(self, clip: Clip) -> list[int]:
        """Return the token ids of a clip's prompt."""
        return self.processor.tokenizer(prompt_text(self.processor, clip.forced_language, clip.context)).input_ids

    def start_from(self, folder: Path) -> None:
        """Load the weights of a checkpoint. Raises BaseError if its tokenizer or its number of layers differs."""
        processor, earlier = load_checkpoint(folder)
        if processor.tokenizer.get_vocab() != self.processor.tokenizer.get_vocab():
            raise BaseError(f"{folder} has another tokenizer: leave out --start to train from the beginning")
        if (layers := len(earlier.thinker.model.layers)) != FIRST_LAYERS:
            raise BaseError(
                f"{folder} has {layers} decoder layers, not {FIRST_LAYERS}: give a checkpoint that has not been taught "
                "lists of names, or leave out --start"
            )
        self.model.load_state_dict(earlier.state_dict())

    @torch.no_grad()
    def match_audio_to_text(self, clips: list[Clip]) -> None:
        """Scale the projector so that its outputs have the standard deviation of token embeddings.

        An encoder that is trained alone makes its outputs about 20 times as large. The decoder's layers add to their
        inputs, and their contributions would be negligible.
        """
        thinker = self.model.thinker
        audio, mask = encode_audio(thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        ratio = thinker.model.embed_tokens.weight.std() / audio[mask].std()
        for parameter in thinker.audio_tower.proj2.parameters():
            parameter.mul_(ratio)

    def forward(self, clips: list[Clip], whole: bool, heads_only: bool = False) -> dict[str, torch.Tensor]:
        """Return the losses by name, without those of the decoder unless the whole model is trained."""
        self.model.requires_grad_(not heads_only)
        audio, mask = encode_audio(self.model.thinker.audio_tower, [clip.waveform for clip in clips], self.filters)
        speakers, pitches = (column.to(audio.device) for column in who_speaks(clips, mask.shape[1]))
        losses = self._encoder_losses(audio, mask, clips, pitches)
        if whole:
            losses |= self._decoder_losses(audio, mask, clips, speakers, pitches)
        return losses

    def _encoder_losses(
        self, audio: torch.Tensor, mask: torch.Tensor, clips: list[Clip], pitches: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        spelled = [[self.symbols[symbol] for symbol in clip.spelling] for clip in clips]
        normalized = F.rms_norm(audio, audio.shape[-1:])  # without it the loss makes the outputs larger and larger
        logits = self.ctc_head(normalized).unflatten(2, (SYMBOLS_PER_TOKEN, -1)).flatten(1, 2)
        pitch_errors = self.pitch_head(normalized)[:, :, 0] - pitches
        two, higher = which_is_higher(pitches)
        predicted = self.higher_head(normalized)[:, :, 0][two]
        return {
            "sounds": ctc_loss(logits, mask.sum(1) * SYMBOLS_PER_TOKEN, spelled, blank=0),
            "pitch": mean_of(pitch_errors[~pitches.isnan()] ** 2),
            "higher": mean_of(F.binary_cross_entropy_with_logits(predicted, higher[two].float(), reduction="none")),
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
        prompts = [self.prompt(clip) for clip in clips]
        made = run_decoder(thinker, audio, mask, prompts, answers)
        word_logits = thinker.lm_head(made.at_audio(-1))
        words = [tokenizer(clip.transcript).input_ids for clip in clips]
        return {
            "text": F.cross_entropy(made.logits, made.targets),
            "words": ctc_loss(word_logits, mask.sum(1), words, blank=self.blank_id),
        } | self._speaker_losses(made, clips, speakers, pitches)

    def _speaker_losses(
        self, made: DecoderPass, clips: list[Clip], speakers: torch.Tensor, pitches: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the losses in the order in which the layers learn: first sentence, higher voice, speaker."""
        two, higher = which_is_higher(pitches)
        known = speakers >= 0
        first_is_higher = higher.gather(1, known.int().argmax(1, keepdim=True)).expand_as(higher)
        first = self.first_head(self._output_after(LOOKING_LAYER + 1, made, two))[:, 0]
        predicted = self.speaker_head(self._output_after(SPEAKERS_LAYER, made, known))
        return {
            "look": self._look_loss(made, clips, two),
            "first": mean_of(F.binary_cross_entropy_with_logits(first, first_is_higher[two].float(), reduction="none")),
            "speakers": mean_of(F.cross_entropy(predicted, speakers[known], reduction="none")),
        }

    @staticmethod
    def _output_after(layers: int, made: DecoderPass, chosen: torch.Tensor) -> torch.Tensor:
        """Return the output of the first `layers` layers at the chosen audio tokens, normalised: (tokens, hidden)."""
        x = made.at_audio(layers)[chosen]
        return F.rms_norm(x, x.shape[-1:])

    def _look_loss(self, made: DecoderPass, clips: list[Clip], two: torch.Tensor) -> torch.Tensor:
        """Train one head of LOOKING_LAYER to look at the first sentence of a call, whose speaker is number 0.

        The loss is the negative logarithm of the attention on that sentence. two: from `which_is_higher`.
        """
        calls = two.any(1).nonzero()[:, 0]
        if not len(calls):
            return made.logits.new_zeros(())
        x = made.layers[LOOKING_LAYER][calls, : made.audio_ends]
        logits = attention_logits(self.model.thinker.model, LOOKING_LAYER, x, slice(1), made.prompt_starts[calls])[:, 0]
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
    """Return the speaker's number and the voice's pitch in octaves at each audio token, (clips, tokens) each.

    Speakers are int64 and -1 where nobody speaks; pitches are float32 and NaN there.
    """
    times = np.array(token_times(tokens))
    speakers = np.full((len(clips), tokens), -1)
    pitches = np.full((len(clips), tokens), np.nan, np.float32)
    for row, clip in enumerate(clips):
        for span in clip.spans:
            inside = (times >= span.start) & (times < span.end)
            speakers[row, inside] = span.speaker
            pitches[row, inside] = span.semitones / SEMITONES_PER_OCTAVE
    return torch.from_numpy(speakers), torch.from_numpy(pitches)


def which_is_higher(pitches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where a voice speaks in clips of two voices, and where that is the higher one: (clips, tokens) bool each.

    pitches: from `who_speaks`.
    """
    lowest = pitches.nan_to_num(torch.inf).amin(1, keepdim=True)
    highest = pitches.nan_to_num(-torch.inf).amax(1, keepdim=True)
    two = ~pitches.isnan() & (highest - lowest > 0)
    return two, pitches > (lowest + highest) / 2


def mean_of(losses: torch.Tensor) -> torch.Tensor:
    """Return the mean; 0 if there are no losses."""
    return losses.sum() / max(1, losses.numel())


def ctc_loss(logits: torch.Tensor, lengths: torch.Tensor, targets: list[list[int]], blank: int) -> torch.Tensor:
    """Return the CTC loss of logits (clips, longest, symbols). lengths: (clips,). targets: symbol ids of each clip."""
    device = logits.device
    return F.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1),
        torch.tensor([symbol for symbols in targets for symbol in symbols], device=device),
        lengths,
        torch.tensor([len(symbols) for symbols in targets], device=device),
        blank=blank,
        zero_infinity=True,
    )


def draw_inputs(pool: dict, stage: TinyStage, seed: int) -> Iterator[dict]:
    """Yield batches of a stage without end, as arguments of `TinyLosses.forward`."""
    for clips in ClipMaker(pool, stage.mix, seed).batches():
        yield {"clips": clips, "whole": stage.whole, "heads_only": stage.heads_only}


def training_stages(losses: TinyLosses, pool: dict, chosen: Sequence[TinyStage]) -> list[stages.TrainingStage]:
    """Convert stages to the form of `training.tiny.stages`. The projector is scaled before the decoder is trained."""
    converted = []
    for number, stage in enumerate(chosen):
        draw = partial(draw_inputs, pool, stage)
        is_decoder_new = number > 0 and stage.whole and not chosen[number - 1].whole
        prepare = (lambda draw=draw: losses.match_audio_to_text(next(draw(0))["clips"])) if is_decoder_new else None
        converted.append(stages.TrainingStage(stage.steps, draw, prepare))
    return converted


def train(output: Path, work: Path, start: Path | None, steps: int | None = None, shards: int = pools.SHARDS) -> None:
    """Synthesise missing speech, train in stages, and write the checkpoint to `output`. Raises SpeechError.

    start: a checkpoint whose weights to start from; only the last stage is run then, after new heads have learned.
    steps: of the last stage, if not those of STAGES. shards: how many of the pool's shards per kind to use. Until the
    checkpoint is written, `output` contains the intermediate checkpoints for resuming a killed run.
    """
    torch.manual_seed(0)
    pool = pools.load_or_make(work / "pool", count=shards)
    processor = build_processor(tokenizer_texts())
    spellings = {symbol for kind in pool.values() for sentence in kind for symbol in sentence.spelling} | {CHANGE}
    losses = TinyLosses(processor, spellings)
    if start:
        losses.start_from(start)
    folder = output / "checkpoints"
    settings = {"start_sha256": hash_weights(start) if start else None, "shards": shards}
    last = replace(STAGES[-1], steps=steps or STAGES[-1].steps)
    heads = replace(last, steps=HEADS_STEPS, heads_only=True)
    chosen = [heads, last] if start else [*STAGES[:-1], last]
    rate = FINE_TUNING_RATE if start else stages.PEAK_LEARNING_RATE
    stages.fit_stages(losses, training_stages(losses, pool, chosen), WEIGHTS, folder, settings, rate)
    save_checkpoint(losses.model, processor, output)
    shutil.rmtree(folder)


def main(argv: list[str] | None = None) -> int:
    """Train and write the checkpoint; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.train", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="cache of the synthesised speech")
    parser.add_argument("--start", type=Path, help="start from this checkpoint's weights and run the last stage only")
    parser.add_argument("--steps", type=int, help=f"number of updates of the last stage; default: {STAGES[-1].steps}")
    pools.add_shards(parser)
    options = parser.parse_args(argv)
    return exit_code_of(lambda: train(options.output_dir, options.work, options.start, options.steps, options.shards))


if __name__ == "__main__":
    raise SystemExit(main())
