"""How sure the model was of each token, as OpenAI's `include[]=logprobs` asks for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from kikitori.model.checkpoints import load_tokenizer
from kikitori.server.jobs import JobOptions
from kikitori.tasks import Checkpoint, get_task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEXT_MARK = "<asr_text>"
"""Before it, the model names the language that it has detected."""


def token_records(windows: Iterable[tuple[tuple[int, float], ...]], options: JobOptions) -> list[dict]:
    """Return the tokens of a text: characters, UTF-8 bytes and log probability of each.

    windows: the id and the log probability of each token of each window. Tags and control tokens are left out. Bytes
    that are no whole character are shown as U+FFFD.
    """
    tokenizer = _tokenizer(options.checkpoints[get_task(options.direction).role])
    byte_of = _bytes_of_characters()
    records = []
    for window in windows:
        names = tokenizer.convert_ids_to_tokens([number for number, _ in window])
        start = names.index(TEXT_MARK) + 1 if TEXT_MARK in names else 0
        for name, (number, probability) in list(zip(names, window, strict=True))[start:]:
            if number not in tokenizer.added_tokens_decoder:
                data = bytes(byte_of[character] for character in name)
                records.append({"token": data.decode(errors="replace"), "bytes": list(data), "logprob": probability})
    return records


@cache
def _tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, which another process may have used."""
    return load_tokenizer(checkpoint)


def _bytes_of_characters() -> dict[str, int]:
    """The byte that each character of a token stands for, in the tokenizers of Qwen and GPT-2."""
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
