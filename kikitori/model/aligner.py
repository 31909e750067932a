"""When each turn and word of a window was spoken, measured by Qwen3-ForcedAligner.

The prompt, the features and the repair of times that run backward are those of `Qwen3ForcedAligner.align` (qwen-asr
0.0.6, inference/qwen3_forced_aligner.py). Two things differ on purpose. Each turn is cut into words by itself: nagisa,
which cuts Japanese, could otherwise put the end of one turn and the start of the next into one word, and one unusual
character would shift all turns after it. And the times before that repair are kept, so that repaired ones can be
counted.
Not covered: text in another language than the audio. The aligner gives it times without any sign of doubt.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.errors import AudioError
from kikitori.model.fair_lock import device_lock
from kikitori.model.qwen import ALIGNER_TYPE, load_on_device
from kikitori.model.qwen_imports import import_qwen_asr
from kikitori.result import Alignment
from kikitori.strings import Duration
from kikitori.transcript import Turn, Word

if TYPE_CHECKING:
    import torch
    from qwen_asr import Qwen3ForcedAligner
    from qwen_asr.inference.qwen3_forced_aligner import Qwen3ForceAlignProcessor

MAX_SECONDS = 180.0  # qwen-asr's limit: MAX_FORCE_ALIGN_INPUT_SECONDS, inference/utils.py
STEP_SECONDS = 0.08  # the grid of the times: timestamp_segment_time, Qwen3-ForcedAligner-0.6B's config.json
MIN_WORD_SECONDS = 0.02  # the length of a word whose neighbours leave it no time: about two periods of a voice

_WORDS_LOCK = threading.Lock()  # nagisa, which cuts Japanese, has one graph for all threads and raises when two use it


def load_qwen_aligner(path: str, dtype: torch.dtype | None = None, device: str = "cpu") -> Qwen3ForcedAligner:
    """Load an aligner's folder or hub id as its model card shows.

    dtype: None for float32. Raises CheckpointError as `load_on_device` does, and OSError, ValueError or
    SafetensorError if there is no checkpoint.
    """
    return load_on_device(import_qwen_asr().Qwen3ForcedAligner, ALIGNER_TYPE, path, dtype, device)


def align_turns(aligner: Qwen3ForcedAligner, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
    """Measure when the turns of one window and their words were spoken.

    Args:
        aligner: from `load_qwen_aligner`.
        waveform: float32 mono 16 kHz, (samples,), at most MAX_SECONDS.
        turns: the window's turns, in order, in the language of the audio and without tags. Their times are replaced.
        language: English name of that language, such as Japanese; it decides how the text is cut into words.

    Returns:
        The turns with start_seconds, end_seconds, timing `aligned`, and words that join to the text. Times count from
        the window's start and are in order, inside the window and longer than 0. A turn without a letter or a digit has
        no words; it gets the time between its neighbours.

    Raises:
        AudioError: the window is longer than MAX_SECONDS.
    """
    seconds = len(waveform) / SAMPLE_RATE
    if seconds > MAX_SECONDS:
        raise AudioError("too_long_to_align", length=Duration(seconds), limit=Duration(MAX_SECONDS))
    processor = aligner.aligner_processor
    with _WORDS_LOCK:
        tokens = [processor.encode_timestamp(turn.text, language)[0] for turn in turns]
    stamps = _stamps(aligner, waveform, [token for of_turn in tokens for token in of_turn])
    times = fit_times(_repaired(processor, stamps) / 1000, seconds)
    normalised = language.lower() == "japanese"
    pieces = [
        cut_text(turn.text, of_turn, [_weight(processor, character, normalised) for character in turn.text])
        for turn, of_turn in zip(turns, tokens, strict=True)
    ]
    return Alignment(_with_times(turns, pieces, times, seconds), count_repaired(stamps / 1000, times, seconds))


def fit_times(times: np.ndarray, seconds: float) -> np.ndarray:
    """Move times that already run forward into the window, and make every word longer than 0.

    A zero-length word gets STEP_SECONDS if the next word leaves it as much. If words crowd, each keeps
    MIN_WORD_SECONDS, or its equal share of a window that is too short for that.

    times: (words, 2) float64 seconds; flattened they don't decrease; any range. seconds: the window's length, > 0.
    Returns the same shape: 0 <= start < end <= next start, and end <= seconds.
    """
    if not len(times):
        return times
    room = min(MIN_WORD_SECONDS, seconds / len(times))
    starts, ends = np.clip(times, 0, seconds).T
    ends = np.where(ends > starts, ends, starts + STEP_SECONDS)
    places = room * np.arange(len(times))
    latest = np.maximum(seconds - room * len(times), 0) + places
    # Each start is at least `room` after the one before, and early enough for all words after it.
    starts = np.minimum(np.maximum.accumulate(starts - places) + places, latest)
    return np.stack([starts, np.clip(ends, starts + room, np.append(starts[1:], seconds))], axis=1)


def count_repaired(stamps: np.ndarray, times: np.ndarray, seconds: float) -> int:
    """Return how many words have other times than the model's own; both (words, 2) seconds.

    The grid's last step may end after the window does. A time that was only moved back to the window's end is not
    counted.
    """
    in_window = np.where(stamps < seconds + STEP_SECONDS, np.minimum(stamps, seconds), stamps)
    return int((np.abs(times - in_window) > 1e-6).any(axis=1).sum())


def cut_text(text: str, tokens: Sequence[str], weights: Sequence[int]) -> list[str]:
    """Cut a turn's text into one piece per token. The pieces contain punctuation and spaces, and join to the text.

    A space and what follows it belong to the next word, and so does an opening bracket. Other punctuation belongs to
    the word before it.

    tokens: the aligner's words, without punctuation. weights: how many characters of the tokens each character of the
    text becomes. If their sum differs from the tokens' length, because the tokenizer rewrote the text, the tokens are
    spread in proportion. A token for which no character is left gets an empty piece.
    """
    if not tokens:
        return []
    lengths = np.array([len(token) for token in tokens])
    begins = (np.cumsum(lengths) - lengths) * (sum(weights) / lengths.sum())
    kept = np.flatnonzero(weights)
    given_before = (np.cumsum(weights) - weights)[kept]
    firsts = np.searchsorted(given_before, begins - 1e-6)  # each token's first character, as an index into kept
    cuts = [
        _word_start(text, kept[first - 1] + 1, kept[first]) if first < len(kept) else len(text) for first in firsts[1:]
    ]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def _word_start(text: str, start: int, end: int) -> int:
    """Return where the next word begins among the characters between two words: at a space or an opening bracket."""
    for place in range(start, end):
        if text[place].isspace() or unicodedata.category(text[place]) in ("Ps", "Pi"):
            return place
    return end


def _weight(processor: Qwen3ForceAlignProcessor, character: str, normalised: bool) -> int:
    """Return how many characters of the tokens a character becomes; nagisa normalises Japanese (NFKC) first."""
    return sum(map(processor.is_kept_char, unicodedata.normalize("NFKC", character) if normalised else character))


def _stamps(aligner: Qwen3ForcedAligner, waveform: np.ndarray, words: list[str]) -> np.ndarray:
    """Return the model's own times, (words, 2) float64 milliseconds on its grid; they may run backward."""
    import torch

    if not words:
        return np.zeros((0, 2))
    prompt = "<|audio_start|><|audio_pad|><|audio_end|>" + "".join(f"{word}<timestamp><timestamp>" for word in words)
    inputs = aligner.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(aligner.model.device).to(aligner.model.dtype)
    with device_lock(aligner.model.device), torch.inference_mode():
        steps = aligner.model.thinker(**inputs).logits.argmax(-1)
    stamped = steps[inputs["input_ids"] == aligner.timestamp_token_id]
    return stamped.cpu().numpy().reshape(-1, 2) * aligner.timestamp_segment_time


def _repaired(processor: Qwen3ForceAlignProcessor, stamps: np.ndarray) -> np.ndarray:
    """Return times that run forward: those outside the longest forward run are put between their neighbours."""
    if not len(stamps):
        return stamps
    return np.reshape(processor.fix_timestamp(stamps.ravel()), (-1, 2)).astype(float)


def _with_times(turns: Sequence[Turn], pieces: list[list[str]], times: np.ndarray, seconds: float) -> tuple[Turn, ...]:
    """Return the turns with their words.

    pieces: each turn's words. times: (words of all turns, 2) seconds. seconds: the window's length.
    """
    timed, first = [], 0
    for turn, of_turn in zip(turns, pieces, strict=True):
        end = first + len(of_turn)
        words = _words(of_turn, times[first:end])
        if words:
            start_seconds, end_seconds = words[0].start_seconds, words[-1].end_seconds
        else:
            start_seconds = float(times[first - 1, 1]) if first else 0.0
            end_seconds = float(times[end, 0]) if end < len(times) else seconds
        timed.append(replace(turn, start_seconds=start_seconds, end_seconds=end_seconds, timing="aligned", words=words))
        first = end
    return tuple(timed)


def _words(pieces: list[str], times: np.ndarray) -> tuple[Word, ...]:
    """Return a turn's words. A token without text extends the word before it."""
    words: list[Word] = []
    for piece, (start, end) in zip(pieces, times.tolist(), strict=True):
        if piece:
            words.append(Word(piece, start, end))
        else:
            words[-1] = replace(words[-1], end_seconds=end)
    return tuple(words)
