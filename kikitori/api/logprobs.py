"""How sure the model was of each token, as OpenAI's `include[]=logprobs` asks for."""

from __future__ import annotations

from collections.abc import Iterable

from kikitori.engines.local import LocalEngine
from kikitori.model.checkpoints import load_tokenizer
from kikitori.server.jobs import JobOptions
from kikitori.tasks import get_task

TEXT_MARK = "<asr_text>"
"""Before it, the model names the language that it has detected."""


def token_records(windows: Iterable[tuple[tuple[int, float], ...]], options: JobOptions) -> list[dict]:
    """Return the tokens of a text: characters, UTF-8 bytes and log probability of each.

    windows: the id and the log probability of each token of each window. Tags and control tokens are left out. Bytes
    that are no whole character are shown as U+FFFD.
    """
    tokenizer = _tokenizer(options)
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


def _tokenizer(options: JobOptions):
    """The tokenizer of the checkpoint that a job has used. It is loaded already, unless a server has decoded."""
    checkpoint = options.checkpoints[get_task(options.direction).role]
    if checkpoint.urls:
        return load_tokenizer(checkpoint)
    return LocalEngine(checkpoint, options.checkpoints["aligner"]).recognizer.tokenizer


def _bytes_of_characters() -> dict[str, int]:
    """The byte that each character of a token stands for, in the tokenizers of Qwen and GPT-2."""
    from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

    return {character: byte for byte, character in bytes_to_unicode().items()}
