"""Clips that are decoded together: their prompts are read once, then each step reads one token per clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

from kikitori.model import batching
from kikitori.model.encoder import KeptChunks, audio_tokens, encode, log_mel
from kikitori.model.kv_cache import bucket

if TYPE_CHECKING:
    from kikitori.model.recognizer import Recognizer

STREAM_EVERY_TOKENS = 16  # tokens between two partial results


class Batch:
    """The unfinished rows of a batch: each row's cache, its next position and the token chosen for it.

    lengths: how many tokens of each row have been read. chosen: from `choose`. given: with what each row's text begins.
    kept: of a single clip that grows, from `encode`.
    """

    @torch.inference_mode()
    def __init__(
        self,
        recognizer: Recognizer,
        waveforms: list[np.ndarray],
        prompt: str,
        given: Sequence[int] = (),
        kept: KeptChunks | None = None,
    ):
        self.recognizer = recognizer
        decoder = recognizer.decoder
        before, after = recognizer.prompt_ids(prompt)
        after = [*after, *given]
        self.lengths = [len(before) + audio_tokens(len(waveform)) + len(after) for waveform in waveforms]
        self.positions = torch.tensor(self.lengths, device=decoder.device)
        groups = batching.encoder_groups(decoder.device, [len(waveform) for waveform in waveforms])
        # All clips are encoded before the cache is allocated, because the encoder needs the most memory.
        prompts = [embed_prompts(recognizer, waveforms[start:end], before, after, kept) for start, end in groups]
        self.cache = decoder.empty_cache(len(waveforms), bucket(max(self.lengths) + STREAM_EVERY_TOKENS))
        logits = [
            decoder.prefill(x, self.lengths[start:end], self.cache.part(start, end))
            for (start, end), x in zip(groups, prompts, strict=True)
        ]
        self.chosen = choose(torch.cat(logits))

    @torch.inference_mode()
    def step(self) -> None:
        """Read the chosen tokens and choose the next ones."""
        filled = max(self.lengths) + 1
        if filled > self.cache.length:
            self.cache.grow(bucket(filled))
        self.chosen = choose(self.recognizer.step(self.chosen[0], self.positions, self.cache, filled))
        self.positions = self.positions + 1
        self.lengths = [length + 1 for length in self.lengths]

    @torch.inference_mode()
    def keep(self, order: list[int]) -> None:
        """Drop all rows but these, and put them in this order, from `compact`."""
        self.cache.keep(order)
        kept = torch.tensor(order, device=self.positions.device)
        self.lengths = [self.lengths[place] for place in order]
        self.positions = self.positions[kept]
        self.chosen = tuple(column[kept] for column in self.chosen)

    @torch.inference_mode()
    def join(self, other: Batch) -> None:
        """Add the rows of another batch of the same recognizer, which must not be used afterwards."""
        positions = torch.cat((self.positions, other.positions))
        chosen = tuple(map(torch.cat, zip(self.chosen, other.chosen, strict=True)))
        self.cache.join(other.cache)  # the only large tensor: if memory runs out, this batch is still whole
        self.lengths, self.positions, self.chosen = [*self.lengths, *other.lengths], positions, chosen


def compact(places: list[int]) -> list[int]:
    """Return places, in ascending order, in the order in which the fewest rows move: the last ones fill the gaps."""
    count, kept = len(places), set(places)
    later = [place for place in places if place >= count]
    return [place if place in kept else later.pop() for place in range(count)]


def embed_prompts(
    recognizer: Recognizer,
    waveforms: list[np.ndarray],
    before: list[int],
    after: list[int],
    kept: KeptChunks | None = None,
) -> torch.Tensor:
    """Return clips' prompts as embeddings, (clips, longest, hidden), padded at the end.

    before, after: the prompt's ids around the audio. kept: as `encode` takes it.
    """
    decoder = recognizer.decoder
    tokens = [audio_tokens(len(waveform)) for waveform in waveforms]
    mels = log_mel(waveforms, recognizer.filters).to(decoder.dtype)
    audio = encode(recognizer.tower, mels, tokens, recognizer.attention, kept)
    words = F.embedding(torch.tensor([*before, *after], device=decoder.device), decoder.embeddings).to(decoder.dtype)
    x = words.new_zeros(len(waveforms), len(words) + max(tokens), words.shape[1])
    x[:, : len(before)] = words[: len(before)]
    x[:, len(before) : len(before) + audio.shape[1]] = audio
    # Each clip's audio ends at another place; the rest of the prompt follows it.
    starts = torch.tensor(tokens, device=x.device)[:, None] + len(before)
    places = starts + torch.arange(len(after), device=x.device)
    x[torch.arange(len(x), device=x.device)[:, None], places] = words[len(before) :]
    return x


def choose(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return each row's most likely token and one divided by its probability: (rows,) int64 and (rows,) float32."""
    logits = logits.float()
    best, ids = logits.max(-1, keepdim=True)
    return ids[:, 0], (logits - best).exp_().sum(-1)


def fetch(chosen: list[tuple[torch.Tensor, torch.Tensor]]) -> Iterator[tuple[list[int], list[float]]]:
    """Copy the results of `choose` of several steps from the device, in one transfer each."""
    ids, inverse_probabilities = (torch.stack(column).tolist() for column in zip(*chosen, strict=True))
    return zip(ids, inverse_probabilities, strict=True)
