"""Waveforms -> decoded texts: a greedy loop that replaces the original model's `generate()`, many windows at once.

The prompt and the choice of tokens are those of `Qwen3ASRModel.transcribe`; tests compare them token for token. Two
things differ on purpose. The token budget follows from the clip's length instead of being 512 for any clip. And the
text is kept as the model wrote it, whereas `transcribe` removes repetitions silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.errors import CheckpointError
from kikitori.model import batching
from kikitori.model.batch import Batch
from kikitori.model.budget import token_budget
from kikitori.model.encoder import KeptChunks
from kikitori.model.finite import not_finite
from kikitori.model.qwen import build_prompt
from kikitori.model.recognizer import Recognizer
from kikitori.model.row import Row
from kikitori.model.shared_batches import SharedBatch, SharedBatchError, join_or_begin
from kikitori.result import DecodingResult, last
from kikitori.text.faults import has_loop


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


def decode_on(
    recognizer: Recognizer,
    waveform: np.ndarray,
    language: str | None,
    given: tuple[Sequence[int], Sequence[float]],
    kept: KeptChunks,
    is_loop: Callable[[str], bool] = has_loop,
    context: str = "",
) -> DecodingResult:
    """Decode a clip whose text begins with given tokens; return the whole text.

    given: the tokens, and their log probabilities. kept: of the same clip when it was shorter, from `encode`. The other
    arguments are those of `decode`.
    """
    ids, log_probabilities = map(list, given)
    rows = [Row(token_budget(len(waveform) / SAMPLE_RATE), is_loop, ids, log_probabilities, given=len(ids))]
    for _ in _decode_in_batches(recognizer, [waveform], rows, build_prompt(recognizer.qwen, language, context), kept):
        pass
    return rows[0].result(recognizer)


def _stream_rows(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    prompt: str,
    is_loop: Callable[[str], bool],
    max_tokens: int | None,
) -> Iterator[list[Row]]:
    """Yield what all rows have every few tokens and at the end."""
    rows = [Row(max_tokens or token_budget(len(waveform) / SAMPLE_RATE), is_loop) for waveform in waveforms]
    for has_tokens in _decode_in_batches(recognizer, waveforms, rows, prompt):
        if has_tokens:
            yield [row.so_far() for row in rows]
    yield rows


def _decode_in_batches(
    recognizer: Recognizer,
    waveforms: Sequence[np.ndarray],
    rows: list[Row],
    prompt: str,
    kept: KeptChunks | None = None,
) -> Iterator[bool]:
    """Fill rows, longest clips first, as many at once as fit into memory; yield as `_follow` does.

    kept: as `Batch` takes it. A single clip may have given tokens.
    """
    waiting = sorted(range(len(waveforms)), key=lambda index: -len(waveforms[index]))
    most, shares = len(waiting), True
    while waiting:
        batch, shared = waiting[:most], None
        try:
            with recognizer.lock:  # from the look at the free memory until it is taken
                del batch[_fitting(recognizer, [len(waveforms[index]) for index in batch], rows[batch[0]], prompt) :]
                clips, texts = [waveforms[index] for index in batch], [rows[index] for index in batch]
                shared = SharedBatch(recognizer, Batch(recognizer, clips, prompt, texts[0].given_ids, kept), texts)
                if shares:
                    shared = join_or_begin(recognizer.running, shared)
            yield from _follow(recognizer, shared, clips, texts, prompt)
        except SharedBatchError:
            shares = False
        except Exception as error:
            if len(batch) == 1 or not batching.is_out_of_memory(error):
                raise
            most = len(batch) // 2
        else:
            del waiting[: len(batch)]
            continue
        # The exception has to be gone before this: its traceback holds the batch's tensors.
        shared = None
        batching.free_memory()
        for index in batch:
            rows[index] = rows[index].again()


def _fitting(recognizer: Recognizer, samples: list[int], longest: Row, prompt: str) -> int:
    """Return how many clips, from the first and longest on, fit into memory as one batch."""
    around = sum(map(len, recognizer.prompt_ids(prompt)))
    return batching.batch_size(recognizer.decoder, recognizer.tower, samples, longest.budget, around)


def _follow(
    recognizer: Recognizer, batch: SharedBatch, waveforms: list[np.ndarray], rows: list[Row], prompt: str
) -> Iterator[bool]:
    """Wait until each row has ended; yield False after the prompts, then True every few tokens and at the end.

    Raises SharedBatchError if a batch of several jobs fails.
    """
    seen, is_done = batch.steps, False
    try:
        yield False  # so that the jobs that wait now can join before the first step
        while not is_done:
            seen = batch.follow(rows, seen)
            is_done = all(row.ended_by for row in rows)
            _check_finite(recognizer, waveforms, rows, prompt)
            yield True
    finally:
        for row in rows:
            row.cancel()


def _check_finite(recognizer: Recognizer, waveforms: list[np.ndarray], rows: list[Row], prompt: str) -> None:
    """Raise CheckpointError if the model computes NaN or infinity. All later tokens of such a row are NaN too."""
    for waveform, row in zip(waveforms, rows, strict=True):
        if math.isnan(row.log_probabilities[-1]):
            if recognizer.weights:  # qwen-asr's own forward pass, which would find the layer, lacks its matrices
                raise CheckpointError("output_not_finite", layer="logits")
            row = row.so_far()
            finite = [token for token, number in zip(row.ids, row.log_probabilities, strict=True) if number == number]
            with recognizer.lock:
                raise not_finite(recognizer.qwen, prompt, waveform, finite)
