"""Waveforms -> decoded texts: a greedy loop that replaces the original model's `generate()`, many windows at once.

The prompt and the choice of tokens are those of `Qwen3ASRModel.transcribe`; tests compare them token for token. Two
things differ on purpose. The token budget follows from the clip's length instead of being 512 for any clip. And the
text is kept as the model wrote it, whereas `transcribe` removes repetitions silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F

from kikitori.audio.files import SAMPLE_RATE
from kikitori.errors import CheckpointError
from kikitori.model import batching
from kikitori.model.encoder import audio_tokens, encode, log_mel
from kikitori.model.fair_lock import FairLock
from kikitori.model.finite import not_finite
from kikitori.model.kv_cache import bucket
from kikitori.model.qwen import build_prompt
from kikitori.model.recognizer import Recognizer
from kikitori.result import DecodingResult, last
from kikitori.text.confidence import LOW_CONFIDENCE_PROBABILITY
from kikitori.text.faults import has_loop

# Fast speech stays under 10 tokens per second in the languages served. A text that uses up this budget is almost
# certainly runaway output.
BUDGET_TOKENS = 32
BUDGET_TOKENS_PER_SECOND = 16
STREAM_EVERY_TOKENS = 16  # tokens between two partial results
LOOP_EVERY_TOKENS = 64  # tokens between two searches for a loop


def token_budget(seconds: float) -> int:
    """Return how many tokens the text of a clip of this length may have."""
    return BUDGET_TOKENS + round(BUDGET_TOKENS_PER_SECOND * seconds)


def decode(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    language: str | None,
    is_loop: Callable[[str], bool] = has_loop,
    max_tokens: int | None = None,
    context: str = "",
) -> list[DecodingResult]:
    """Decode clips greedily; each result is what the clip would get alone.

    waveforms: float32 mono 16 kHz, (samples,) each. language: forces the language of the output; with None the model
    begins with `language X<asr_text>`. is_loop: stops a text that repeats itself. max_tokens: the most
    tokens per text, at least 1; None for `token_budget` of the clip's length. context: the system turn.
    """
    prompt = build_prompt(recognizer.qwen, language, context)
    rows = last(_stream_rows(recognizer, waveforms, prompt, is_loop, max_tokens))
    return [row.result(recognizer) for row in rows]


def stream_decode(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    language: str | None,
    is_loop: Callable[[str], bool] = has_loop,
    max_tokens: int | None = None,
    context: str = "",
) -> Iterator[list[DecodingResult]]:
    """Decode clips as `decode` does; yield the results of all of them every few tokens, and the complete ones last.

    Unfinished results have `ended_by` "cancelled". Closing the iterator stops the model. Several streams of one
    recognizer can be read in turns, in one thread or in several.
    """
    prompt = build_prompt(recognizer.qwen, language, context)
    for rows in _stream_rows(recognizer, waveforms, prompt, is_loop, max_tokens):
        yield [row.result(recognizer) for row in rows]


@dataclass
class _Row:
    """One clip's text while it is decoded."""

    budget: int
    ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    ended_by: str = ""
    complete: DecodingResult | None = None  # kept, so that low-confidence spans are computed once

    def add(self, token: int, log_probability: float, recognizer: Recognizer, is_loop: Callable[[str], bool]) -> None:
        """Append a token, unless the text has ended, and find out whether the text ends with it."""
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

    def result(self, recognizer: Recognizer) -> DecodingResult:
        """Return the text so far. Low-confidence spans are computed when it has ended."""
        if self.complete:
            return self.complete
        words = self.ids[:-1] if self.ended_by == "end" else self.ids
        result = DecodingResult(
            recognizer.text(words),
            self.ended_by or "cancelled",
            tuple(self.ids),
            tuple(self.log_probabilities),
            tuple(self._low_confidence(recognizer, words)) if self.ended_by else (),
        )
        self.complete = result if self.ended_by else None
        return result

    def _low_confidence(self, recognizer: Recognizer, words: list[int]) -> Iterator[tuple[int, int]]:
        """Yield the spans of low-confidence tokens, (start, end) in characters of the text."""
        for place, log_probability in enumerate(self.log_probabilities[: len(words)]):
            if log_probability < math.log(LOW_CONFIDENCE_PROBABILITY):
                # A character may consist of several tokens; after the first of them the text ends with U+FFFD.
                start = len(recognizer.text(words[:place]).rstrip("\ufffd"))
                end = len(recognizer.text(words[: place + 1]))
                if start < end:
                    yield start, end


def _stream_rows(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    prompt: str,
    is_loop: Callable[[str], bool],
    max_tokens: int | None,
) -> Iterator[list[_Row]]:
    """Yield all rows every few tokens and at the end."""
    rows = [_Row(max_tokens or token_budget(len(waveform) / SAMPLE_RATE)) for waveform in waveforms]
    for _ in _locked(recognizer.lock, _decode_in_batches(recognizer, waveforms, rows, prompt, is_loop)):
        yield rows
    yield rows


def _locked(lock: FairLock, steps: Iterator[None]) -> Iterator[None]:
    """Iterate over steps. The lock is held while a step is computed, never while the caller has control."""
    while True:
        with lock:
            try:
                next(steps)
            except StopIteration:
                return
        yield


def _decode_in_batches(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    rows: list[_Row],
    prompt: str,
    is_loop: Callable[[str], bool],
) -> Iterator[None]:
    """Fill rows, longest clips first, as many at once as fit into memory; yield every few tokens."""
    samples = [len(waveform) for waveform in waveforms]
    waiting = sorted(range(len(waveforms)), key=lambda index: -samples[index])
    most = len(waiting)
    around = sum(map(len, recognizer.prompt_ids(prompt)))
    while waiting:
        first = waiting[0]
        fitting = batching.batch_size(
            recognizer.decoder, recognizer.tower, [samples[index] for index in waiting], rows[first].budget, around
        )
        batch = waiting[: min(most, fitting)]
        batch_waveforms, batch_rows = [waveforms[index] for index in batch], [rows[index] for index in batch]
        try:
            yield from _decode_batch(recognizer, batch_waveforms, batch_rows, prompt, is_loop)
        except Exception as error:
            if len(batch) == 1 or not batching.is_out_of_memory(error):
                raise
            most = len(batch) // 2
        else:
            del waiting[: len(batch)]
            continue
        # The exception has to be gone before this: its traceback holds the batch's tensors.
        batching.free_memory()
        for index in batch:
            rows[index] = _Row(rows[index].budget)


def _decode_batch(
    recognizer: Recognizer,
    waveforms: list[np.ndarray],
    rows: list[_Row],
    prompt: str,
    is_loop: Callable[[str], bool],
) -> Iterator[None]:
    """Fill rows until each has ended; yield every few tokens and at the end."""
    batch = _Batch(recognizer, waveforms, prompt)
    active, yielded_at = rows, 0
    while True:
        chosen = [batch.chosen]
        while len(chosen) < recognizer.sync_every_steps:
            batch.step()
            chosen.append(batch.chosen)
        for ids, inverse_probabilities in _fetch(chosen):
            for row, token, inverse_probability in zip(active, ids, inverse_probabilities, strict=True):
                row.add(token, -math.log(inverse_probability), recognizer, is_loop)
        _check_finite(recognizer, waveforms, rows, prompt)
        unfinished = [place for place, row in enumerate(active) if not row.ended_by]
        if not unfinished:
            break
        if len(unfinished) < len(active):
            batch.keep(unfinished)
            active = [active[place] for place in unfinished]
        if batch.steps - yielded_at >= STREAM_EVERY_TOKENS:
            yielded_at = batch.steps
            yield
        batch.step()
    yield


def _check_finite(recognizer: Recognizer, waveforms: list[np.ndarray], rows: list[_Row], prompt: str) -> None:
    """Raise CheckpointError if the model computes NaN or infinity. All later tokens of such a row are NaN too."""
    for waveform, row in zip(waveforms, rows, strict=True):
        if math.isnan(row.log_probabilities[-1]):
            if recognizer.weights:  # qwen-asr's own forward pass, which would find the layer, lacks its matrices
                raise CheckpointError("output_not_finite", layer="logits")
            finite = [token for token, number in zip(row.ids, row.log_probabilities, strict=True) if number == number]
            raise not_finite(recognizer.qwen, prompt, waveform, finite)


class _Batch:
    """The unfinished rows of a batch: each row's cache, its next position and the token chosen for it.

    chosen: from `_choose`.
    """

    @torch.inference_mode()
    def __init__(self, recognizer: Recognizer, waveforms: list[np.ndarray], prompt: str):
        self.recognizer = recognizer
        decoder = recognizer.decoder
        before, after = recognizer.prompt_ids(prompt)
        self.lengths = [len(before) + audio_tokens(len(waveform)) + len(after) for waveform in waveforms]
        self.positions = torch.tensor(self.lengths, device=decoder.device)
        self.steps = 0
        groups = batching.encoder_groups(decoder.device, [len(waveform) for waveform in waveforms])
        # All clips are encoded before the cache is allocated, because the encoder needs the most memory.
        prompts = [embed_prompts(recognizer, waveforms[start:end], before, after) for start, end in groups]
        self.cache = decoder.empty_cache(len(waveforms), bucket(max(self.lengths) + STREAM_EVERY_TOKENS))
        logits = [
            decoder.prefill(x, self.lengths[start:end], self.cache.part(start, end))
            for (start, end), x in zip(groups, prompts, strict=True)
        ]
        self.chosen = _choose(torch.cat(logits))

    @torch.inference_mode()
    def step(self) -> None:
        """Read the chosen tokens and choose the next ones."""
        filled = max(self.lengths) + self.steps + 1
        if filled > self.cache.length:
            self.cache.grow(bucket(filled))
        self.chosen = _choose(self.recognizer.step(self.chosen[0], self.positions, self.cache, filled))
        self.positions = self.positions + 1
        self.steps += 1

    @torch.inference_mode()
    def keep(self, places: list[int]) -> None:
        """Drop all rows but those at these places."""
        kept = torch.tensor(places, device=self.positions.device)
        self.cache.keep(kept)
        self.lengths = [self.lengths[place] for place in places]
        self.positions = self.positions[kept]
        self.chosen = tuple(column[kept] for column in self.chosen)


def embed_prompts(
    recognizer: Recognizer, waveforms: list[np.ndarray], before: list[int], after: list[int]
) -> torch.Tensor:
    """Return clips' prompts as embeddings, (clips, longest, hidden), padded at the end.

    before, after: the prompt's ids around the audio.
    """
    decoder = recognizer.decoder
    tokens = [audio_tokens(len(waveform)) for waveform in waveforms]
    mels = log_mel(waveforms, recognizer.filters).to(decoder.dtype)
    audio = encode(recognizer.tower, mels, tokens, recognizer.attention)
    words = F.embedding(torch.tensor([*before, *after], device=decoder.device), decoder.embeddings)
    x = words.new_zeros(len(waveforms), len(words) + max(tokens), words.shape[1])
    x[:, : len(before)] = words[: len(before)]
    x[:, len(before) : len(before) + audio.shape[1]] = audio
    # Each clip's audio ends at another place; the rest of the prompt follows it.
    starts = torch.tensor(tokens, device=x.device)[:, None] + len(before)
    places = starts + torch.arange(len(after), device=x.device)
    x[torch.arange(len(x), device=x.device)[:, None], places] = words[len(before) :]
    return x


def _choose(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row's most likely token and one divided by its probability: (rows,) int64 and (rows,) float32."""
    logits = logits.float()
    best, ids = logits.max(-1, keepdim=True)
    return ids[:, 0], (logits - best).exp_().sum(-1)


def _fetch(chosen: list[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[tuple[list[int], list[float]]]:
    """Copy the results of `_choose` of several steps from the device, in one transfer each."""
    ids, inverse_probabilities = (torch.stack(column).tolist() for column in zip(*chosen, strict=True))
    return zip(ids, inverse_probabilities, strict=True)
