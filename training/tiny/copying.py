"""Losses that teach the decoder to copy names from a list in its prompt.

From the loss of the text alone the tiny decoder does not learn it. Attention heads of the added layers are therefore
trained to look at certain places:

- In the first added layer, a token of a name looks at the token before. So each place of the list knows what came
  before it.
- In the second, a place that predicts a listed name looks at the end of that name in the list, where the whole name is
  known.
- In the second and the third, it looks at the token of the list that it has to write next, or at the end of the name.

Everywhere else the heads of the last two points look at the first token of the prompt. A linear layer predicts the
usual spelling of a name, in the list at its end and in the text before each of its tokens. This tells names by their
sound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from kikitori.model.encoder import audio_tokens
from training.collator import END, prompt_text
from training.synthesis import names
from training.synthesis.clips import Clip
from training.synthesis.pool import NAMES
from training.tiny.architecture import FIRST_LAYERS
from training.tiny.batched_model import DecoderPass, attention_logits

_NAMES = [name for language in names.GROUPS for name in (*names.usual_names(language), *names.OTHERS[language])]
NUMBERS = {name: number for number, name in enumerate(dict.fromkeys(_NAMES))}
"""Usual spelling -> number of the name."""
PREVIOUS = ((FIRST_LAYERS, 0),)
WHOLE = ((FIRST_LAYERS + 1, 0),)
LETTERS = ((FIRST_LAYERS + 1, 2), (FIRST_LAYERS + 2, 0), (FIRST_LAYERS + 2, 2))
"""Layer and query head."""
NAMING_LAYER = FIRST_LAYERS + 1
"""The layer whose input predicts names."""
LOSSES_OF_HEADS = {
    PREVIOUS: ("previous",),
    WHOLE: ("whole", "idle", "unlisted"),
    LETTERS: ("letters", "idle", "unlisted"),
}
"""`unlisted` is for names that are said and are not on the list, `idle` for all other text."""
WEIGHTS = {
    "previous": 0.2,
    "whole": 0.5,
    "letters": 0.5,
    "idle": 0.1,
    "unlisted": 0.2,
    "listed names": 0.3,
    "written names": 0.3,
}

Place = tuple[str, int, int]
"""The loss, the place that looks, and the one that it looks at or, for losses of names, the name's number.

Places are counted from the first token of the prompt."""


@dataclass(frozen=True)
class Plan:
    """A clip as tokens.

    copied: tokens of the answer that are names of the list, or the first one after such a name. kept: whether the
    answer has to stay that of earlier checkpoints, which get `plain_prompt`, the one without a list.
    """

    prompt: list[int]
    plain_prompt: list[int]
    answer: list[int]
    copied: frozenset[int]
    kept: bool
    places: tuple[Place, ...]


def plan_clip(processor, clip: Clip) -> Plan:
    """Convert a clip to tokens and find its names in them. processor: a `Qwen3ASRProcessor`."""
    tokenizer = processor.tokenizer
    text = prompt_text(processor, clip.forced_language, clip.context)
    plain = prompt_text(processor, clip.forced_language)
    prompt, plain_prompt, answer = (tokenizer(words).input_ids for words in (text, plain, clip.answer + END))
    listed = dict(find_tokens(tokenizer, prompt, text, clip.listed))
    written = [*find_tokens(tokenizer, answer, clip.answer, NUMBERS | clip.listed)]
    predicting = len(prompt) - 2 + audio_tokens(len(clip.waveform))  # the place that predicts the first token
    places = [*_places_in_list(clip, listed), *_places_in_answer(clip, listed, written, len(answer), predicting)]
    copied = frozenset(token for name, tokens in written if name in listed for token in _and_next(tokens))
    return Plan(prompt, plain_prompt, answer, copied, is_kept(clip), tuple(places))


def find_tokens(tokenizer, ids: list[int], text: str, wanted: Iterable[str]) -> Iterator[tuple[str, list[int]]]:
    """Find names in a text. Yield each with the numbers of the tokens of its bytes and of the byte after it.

    ids: the text's tokens, perhaps with more at the end. wanted: the names.
    """
    # A byte-level token has one character for each byte. Special tokens are ASCII.
    token_of = [number for number, token in enumerate(tokenizer.convert_ids_to_tokens(ids)) for _ in token]
    for match in names.whole_names(wanted).finditer(text):
        begin = len(text[: match.start()].encode())
        yield match[0], token_of[begin : begin + len(match[0].encode()) + 1]


def is_kept(clip: Clip) -> bool:
    """Return whether a list changes nothing in a clip of speech, which is not made for its names either."""
    respelled = [name for name, usual in clip.listed.items() if name != usual]
    return bool(clip.transcript) and clip.task not in NAMES and not names.find_names(clip.transcript, respelled)


def _and_next(tokens: list[int]) -> range:
    """Return a name's tokens and the next one. tokens: from `find_tokens`."""
    return range(tokens[0], tokens[-2] + 2)


def _places_in_list(clip: Clip, listed: dict[str, list[int]]) -> Iterator[Place]:
    """Yield the places of the list. listed: name -> its tokens."""
    for name, tokens in listed.items():
        yield "listed names", tokens[-1], NUMBERS[clip.listed[name]]
        yield from (("previous", token, token - 1) for token in range(tokens[0] + 1, tokens[-1] + 1))


def _places_in_answer(
    clip: Clip, listed: dict[str, list[int]], written: list[tuple[str, list[int]]], length: int, predicting: int
) -> Iterator[Place]:
    """Yield the places that predict the answer.

    written: the answer's names and their tokens. length: of the answer, in tokens. predicting: the first place.
    """
    others = {*range(length)}
    for name, tokens in written:
        others.difference_update(_and_next(tokens))
        places = [predicting + token for token in _and_next(tokens)]
        yield from (("written names", place, NUMBERS[clip.listed.get(name, name)]) for place in places[:-1])
        yield from (("previous", place, place - 1) for place in places[1:])
        if name in listed:
            yield from (("whole", place, listed[name][-1]) for place in places)
            yield from (("letters", *pair) for pair in zip(places, _next_letters(tokens, listed[name]), strict=True))
        else:
            yield from (("unlisted" if clip.context else "idle", place, 0) for place in places)
    yield from (("idle", predicting + token, 0) for token in sorted(others))


def _next_letters(tokens: list[int], listed: list[int]) -> list[int]:
    """Return the token of the list with the first byte of each token of a name, and then the one after the name.

    tokens, listed: the name's in the answer and in the list.
    """
    return [listed[tokens.index(token)] for token in sorted({*tokens[:-1]})] + [listed[-1]]


class CopyLosses(nn.Module):
    """The losses, with the linear layer that predicts names and is discarded later. width: of the decoder."""

    def __init__(self, width: int):
        super().__init__()
        self.name_head = nn.Linear(width, len(NUMBERS))

    def forward(self, decoder, made: DecoderPass, plans: Sequence[Plan]) -> dict[str, torch.Tensor]:
        """Return the losses by name, without those that have no place in these clips.

        decoder: the text model, with LAYERS layers. made: its pass over the clips.
        """
        places = gather(plans, made.prompt_starts)
        losses = self._look_losses(decoder, made, places)
        for name in ("listed names", "written names"):
            if name in places:
                row, place, number = places[name]
                x = made.layers[NAMING_LAYER][row, place]
                losses[name] = F.cross_entropy(self.name_head(F.rms_norm(x, x.shape[-1:])), number)
        return losses

    @staticmethod
    def _look_losses(decoder, made: DecoderPass, places: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return the negative logarithm of the attention, averaged over places and over the heads with one task."""
        losses: dict[str, torch.Tensor] = {}
        for heads, trained in LOSSES_OF_HEADS.items():
            for layer, head in heads:
                x = made.layers[layer]
                logits = attention_logits(decoder, layer, x, slice(head, head + 1), made.prompt_starts)[:, 0]
                for name in (name for name in trained if name in places):
                    row, place, target = places[name]
                    loss = F.cross_entropy(logits[row, place], target + made.prompt_starts[row])
                    losses[name] = losses.get(name, 0) + loss / len(heads)
        return losses


def gather(plans: Sequence[Plan], starts: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return loss -> clip, place in the padded batch, and target as in the plans: (3, places) int64.

    starts: position of each clip's first token, (clips,) int64.
    """
    found: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for row, (plan, start) in enumerate(zip(plans, starts.tolist(), strict=True)):
        for name, place, target in plan.places:
            found[name].append((row, start + place, target))
    return {name: torch.tensor(places, device=starts.device).T for name, places in found.items()}
