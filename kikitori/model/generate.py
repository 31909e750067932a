"""Waveforms -> decoded texts: the greedy loop that replaces the stock model's `generate()`, many windows at once.

The prompt and the choice of tokens are those of `Qwen3ASRModel.transcribe`; tests compare them token for token. Two
things differ on purpose: the token budget follows from the clip's length instead of being 512 for any clip, and the
text is kept as the model wrote it: `transcribe` edits repetitions away unseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from kikitori.audio.files import SAMPLE_RATE
from kikitori.model import batching
from kikitori.model.encoder import audio_tokens, encode, log_mel
from kikitori.model.kv_cache import bucket
from kikitori.model.recognizer import Recognizer
from kikitori.result import DecodingResult
from kikitori.text.confidence import LOW_CONFIDENCE_PROBABILITY
from kikitori.text.faults import has_loop

BUDGET_TOKENS = 32
BUDGET_TOKENS_PER_SECOND = 16
"""Fast speech stays under 10 tokens a second in the languages served; what passes this budget is a loop."""
STREAM_EVERY_TOKENS = 16
"""How often a text that grows is handed out."""
LOOP_EVERY_TOKENS = 64
"""How often a text is searched for loops."""


def token_budget(seconds: float) -> int:
    """How many tokens a clip of this length may take."""
    return BUDGET_TOKENS + round(BUDGET_TOKENS_PER_SECOND * seconds)


@dataclass
class _Row:
    """One clip's text while it grows."""

    budget: int
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    ended_by: str = ""
    whole: DecodingResult | None = None
    """What has ended stays as it is: its low_confidence are looked for once."""

    def add(self, token: int, log_probability: float, recognizer: Recognizer, is_loop: Callable[[str], bool]) -> None:
        """Take a token, and see whether the text ends with it."""
        if self.ended_by:
            return
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        if token in recognizer.end_ids:
            self.ended_by = "end"
        elif len(self.ids) >= self.budget:
            self.ended_by = "budget"
        elif len(self.ids) % LOOP_EVERY_TOKENS == 0 and is_loop(recognizer.text(self.ids)):
            self.ended_by = "loop"

    def decoded(self, recognizer: Recognizer) -> DecodingResult:
        """The text so far; what is doubtful in it is looked for in the end."""
        if self.whole:
            return self.whole
        words = self.ids[:-1] if self.ended_by == "end" else self.ids
        decoded = DecodingResult(
            recognizer.text(words),
            self.ended_by or "cancelled",
            tuple(self.ids),
            tuple(self.log_probabilities),
            tuple(self._low_confidence(recognizer, words)) if self.ended_by else (),
        )
        self.whole = decoded if self.ended_by else None
        return decoded

    def _low_confidence(self, recognizer: Recognizer, words: list[int]) -> Iterator[tuple[int, int]]:
        """Where in the text the tokens stand that were unlikely."""
        for place, log_probability in enumerate(self.log_probabilities[: len(words)]):
            if log_probability < math.log(LOW_CONFIDENCE_PROBABILITY):
                # A character may be several tokens: the first of them ends in a mark that stands for half a one.
                start = len(recognizer.text(words[:place]).rstrip("\ufffd"))
                end = len(recognizer.text(words[: place + 1]))
                if start < end:
                    yield start, end


def decode(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    language: str | None,
    is_loop: Callable[[str], bool] = has_loop,
) -> list[DecodingResult]:
    """Let the model write down clips, greedily, each as it would alone.

    waveforms: float32 mono 16 kHz, (samples,) each. language: forces the language of the output; None lets the model
    begin with `language X<asr_text>`. is_loop: stops a text that goes round in circles.
    """
    *_, rows = _write(recognizer, waveforms, language, is_loop)
    return [row.decoded(recognizer) for row in rows]


def stream_decode(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    language: str | None,
    is_loop: Callable[[str], bool] = has_loop,
) -> Iterator[list[DecodingResult]]:
    """As `decode`, handing out all texts so far every few tokens; the last time they are complete.

    What has not ended yet is `cancelled`, as it stays for a caller who stops here (closes the generator).
    """
    for rows in _write(recognizer, waveforms, language, is_loop):
        yield [row.decoded(recognizer) for row in rows]


def _write(
    recognizer: Recognizer, waveforms: Sequence[np.ndarray], language: str | None, is_loop: Callable[[str], bool]
) -> Iterator[list[_Row]]:
    """All rows, filled batch by batch; handed out every few tokens and in the end."""
    rows = [_Row(token_budget(len(waveform) / SAMPLE_RATE)) for waveform in waveforms]
    with recognizer.one_at_a_time:
        waiting = batching.plan(recognizer, [len(waveform) for waveform in waveforms], [row.budget for row in rows])
        while waiting:
            batch = waiting.pop(0)
            sounds, written = [waveforms[index] for index in batch], [rows[index] for index in batch]
            try:
                for _ in _decode_batch(recognizer, sounds, written, language, is_loop):
                    yield rows
            except Exception as error:
                if len(batch) == 1 or not batching.is_out_of_memory(error):
                    raise
                batching.free_memory()
                for index in batch:
                    rows[index] = _Row(rows[index].budget)
                half = len(batch) // 2
                waiting[:0] = [batch[:half], batch[half:]]
    yield rows


class _Batch:
    """The rows at work: for each its last token and where it stands."""

    @torch.inference_mode()
    def __init__(self, recognizer: Recognizer, waveforms: list[np.ndarray], language: str | None):
        self.recognizer = recognizer
        decoder = recognizer.decoder
        before, after = recognizer.prompt_ids(language)
        around = len(before) + len(after)
        self.lengths = [around + audio_tokens(len(waveform)) for waveform in waveforms]
        self.positions = torch.tensor(self.lengths, device=decoder.device)
        self.steps = 0
        together = batching.read_together(recognizer, [len(waveform) for waveform in waveforms])
        # All are heard before the cache takes its room: hearing needs the most for what it hands on.
        heard = [_embed(recognizer, waveforms[start:end], before, after) for start, end in together]
        self.cache = decoder.empty_cache(len(waveforms), bucket(max(self.lengths) + STREAM_EVERY_TOKENS))
        logits = [
            decoder.prefill(x, self.lengths[start:end], self.cache.part(start, end))
            for (start, end), x in zip(together, heard, strict=True)
        ]
        self.chosen = _choose(torch.cat(logits))

    @torch.inference_mode()
    def step(self) -> None:
        """Read the token just chosen and choose the next."""
        filled = max(self.lengths) + self.steps + 1
        if filled > self.cache.length:
            self.cache.grow(bucket(filled))
        self.chosen = _choose(self.recognizer.step(self.chosen[0], self.positions, self.cache, filled))
        self.positions = self.positions + 1
        self.steps += 1

    @torch.inference_mode()
    def keep(self, places: list[int]) -> None:
        """The other rows leave."""
        kept = torch.tensor(places, device=self.positions.device)
        self.cache.keep(kept)
        self.lengths = [self.lengths[place] for place in places]
        self.positions = self.positions[kept]
        self.chosen = tuple(column[kept] for column in self.chosen)


def _embed(recognizer: Recognizer, waveforms: list[np.ndarray], before: list[int], after: list[int]) -> torch.Tensor:
    """Hear clips: their prompts as embeddings, (clips, longest, hidden), padded at the end.

    before, after: the prompt's ids around the audio.
    """
    decoder = recognizer.decoder
    tokens = [audio_tokens(len(waveform)) for waveform in waveforms]
    mels = log_mel(waveforms, recognizer.filters).to(decoder.dtype)
    audio = encode(recognizer.qwen.model.thinker.audio_tower, mels, tokens, recognizer.attention)
    words = F.embedding(torch.tensor([*before, *after], device=decoder.device), decoder.embeddings)
    x = words.new_zeros(len(waveforms), len(words) + max(tokens), words.shape[1])
    x[:, : len(before)] = words[: len(before)]
    x[:, len(before) : len(before) + audio.shape[1]] = audio
    starts = torch.tensor(tokens, device=x.device)[:, None] + len(before)
    places = starts + torch.arange(len(after), device=x.device)
    x[torch.arange(len(x), device=x.device)[:, None], places] = words[len(before) :]
    return x


def _choose(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest token of each row and one over its probability."""
    logits = logits.float()
    best, ids = logits.max(-1, keepdim=True)
    return ids[:, 0], (logits - best).exp_().sum(-1)


def _decode_batch(
    recognizer: Recognizer,
    waveforms: list[np.ndarray],
    rows: list[_Row],
    language: str | None,
    is_loop: Callable[[str], bool],
) -> Iterator[None]:
    """Fill rows until each has ended; yields now and then, and at the end."""
    batch = _Batch(recognizer, waveforms, language)
    active, shown = rows, 0
    while True:
        chosen = [batch.chosen]
        while len(chosen) < recognizer.sync_every_steps:
            batch.step()
            chosen.append(batch.chosen)
        for ids, improbabilities in _fetch(chosen):
            for row, token, improbability in zip(active, ids, improbabilities, strict=True):
                row.add(token, -math.log(improbability), recognizer, is_loop)
        going = [place for place, row in enumerate(active) if not row.ended_by]
        if not going:
            break
        if len(going) < len(active):
            batch.keep(going)
            active = [active[place] for place in going]
        if batch.steps - shown >= STREAM_EVERY_TOKENS:
            shown = batch.steps
            yield
        batch.step()
    yield


def _fetch(chosen: list[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[tuple[list[int], list[float]]]:
    """What `_choose` gave in some steps, from the device in one go."""
    ids, improbabilities = (torch.stack(column).tolist() for column in zip(*chosen, strict=True))
    return zip(ids, improbabilities, strict=True)
