"""When each turn and word of a window was said, by the stock Qwen3-ForcedAligner.

The prompt, the features and the repair of times that run backward are those of `Qwen3ForcedAligner.align` (qwen-asr
0.0.6, inference/qwen3_forced_aligner.py). Two things differ on purpose. Every turn is cut into words by itself: nagisa,
which cuts Japanese, could let a word run from one turn into the next, and one odd character would shift every turn
after it. And the times are read before that repair, so that what it changes can be counted.
Not covered: text in another language than the audio. The aligner would place it without a word of doubt.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.errors import AudioError
from kikitori.model.qwen import load_on_device
from kikitori.result import Alignment
from kikitori.strings import format_duration
from kikitori.transcript import Turn, Word

MAX_SECONDS = 180.0
"""qwen-asr's limit (MAX_FORCE_ALIGN_INPUT_SECONDS, inference/utils.py)."""
STEP_SECONDS = 0.08
"""The grid on which the aligner tells times (timestamp_segment_time, Qwen3-ForcedAligner-0.6B's config.json)."""
MIN_WORD_SECONDS = 0.02
"""What a word keeps where neighbours leave it nothing: some two periods of a voice."""

_ONE_AT_A_TIME = threading.Lock()
"""The stock model keeps `rope_deltas` from one run to the next."""


def load_qwen_aligner(path: str, dtype=None, device: str = "cpu"):
    """Load an aligner's folder or hub id as its model card shows; returns a `qwen_asr.Qwen3ForcedAligner`.

    dtype: a torch dtype, or None for float32. Raises OSError, ValueError or SafetensorError where there is none.
    """
    from qwen_asr import Qwen3ForcedAligner

    return load_on_device(Qwen3ForcedAligner, path, dtype, device)


def align_turns(aligner, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
    """Find out when the turns of one window were said.

    Args:
        aligner: from `load_qwen_aligner`.
        waveform: float32 mono 16 kHz, (samples,), at most MAX_SECONDS.
        turns: what was said in it, in order, in the language of the audio and without tags. Times that they have
            are replaced.
        language: its English name, such as Japanese; it decides how the text is cut into words.

    Returns:
        The turns with start_seconds, end_seconds, timing `aligned`, and words that join to the text, all from the
        window's start, in order, inside it, and longer than nothing. A turn without a letter or a digit has no words;
        it gets the time between its neighbours.

    Raises:
        AudioError: the window is longer than MAX_SECONDS.
    """
    seconds = len(waveform) / SAMPLE_RATE
    if seconds > MAX_SECONDS:
        raise AudioError("too_long_to_align", length=format_duration(seconds), limit=format_duration(MAX_SECONDS))
    processor = aligner.aligner_processor
    tokens = [processor.encode_timestamp(turn.text, language)[0] for turn in turns]
    stamps = _stamps(aligner, waveform, [token for of_turn in tokens for token in of_turn])
    times = give_room(_repaired(processor, stamps) / 1000, seconds)
    normalised = language.lower() == "japanese"
    pieces = [
        cut_text(turn.text, of_turn, [_weight(processor, character, normalised) for character in turn.text])
        for turn, of_turn in zip(turns, tokens, strict=True)
    ]
    return Alignment(_with_times(turns, pieces, times, seconds), count_mended(stamps / 1000, times, seconds))


def give_room(times: np.ndarray, seconds: float) -> np.ndarray:
    """Mend times that already run forward: inside the window, and every word longer than nothing.

    A word that starts and ends at once, being shorter than the grid, gets a step of it where the next word leaves as
    much. Where words crowd, each keeps MIN_WORD_SECONDS, or its equal share of a window too short for that.

    times: (words, 2) float64 seconds, flat non-decreasing, any range. seconds: the window's length, > 0.
    Returns the same shape: 0 <= start < end <= the next start, and end <= seconds.
    """
    if not len(times):
        return times
    room = min(MIN_WORD_SECONDS, seconds / len(times))
    starts, ends = np.clip(times, 0, seconds).T
    ends = np.where(ends > starts, ends, starts + STEP_SECONDS)
    places = room * np.arange(len(times))
    latest = np.maximum(seconds - room * len(times), 0) + places
    # Each start at least `room` after the one before, and early enough for all words after it.
    starts = np.minimum(np.maximum.accumulate(starts - places) + places, latest)
    return np.stack([starts, np.clip(ends, starts + room, np.append(starts[1:], seconds))], axis=1)


def count_mended(stamps: np.ndarray, times: np.ndarray, seconds: float) -> int:
    """How many words have other times than the model said; both (words, 2) seconds.

    The grid goes past the window's end by less than a step: that is rounding, and not counted.
    """
    said = np.where(stamps < seconds + STEP_SECONDS, np.minimum(stamps, seconds), stamps)
    return int((np.abs(times - said) > 1e-6).any(axis=1).sum())


def cut_text(text: str, tokens: Sequence[str], weights: Sequence[int]) -> list[str]:
    """Give a turn's text back to its tokens, punctuation and spaces included: pieces that join to the text.

    A space, and what follows it, belongs to the word after it, as does an opening bracket; other punctuation belongs
    to the word before it.

    tokens: the words as the aligner has them, without punctuation; at least one. weights: how many characters each
    character of the text gives to the tokens. Where the sums differ, because the tokenizer rewrote the text, the
    tokens are spread in proportion. A token that is left without a character gets an empty piece.
    """
    if not tokens:
        return []
    lengths = np.array([len(token) for token in tokens])
    begins = (np.cumsum(lengths) - lengths) * (sum(weights) / lengths.sum())
    kept = np.flatnonzero(weights)
    given_before = (np.cumsum(weights) - weights)[kept]
    firsts = np.searchsorted(given_before, begins - 1e-6)  # each token's first character, counted among the kept ones
    cuts = [_seam(text, kept[first - 1] + 1, kept[first]) if first < len(kept) else len(text) for first in firsts[1:]]
    return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]


def _seam(text: str, start: int, end: int) -> int:
    """Where the characters between two words part: before the first space or opening bracket."""
    for place in range(start, end):
        if text[place].isspace() or unicodedata.category(text[place]) in ("Ps", "Pi"):
            return place
    return end


def _weight(processor, character: str, normalised: bool) -> int:
    """How many characters of the tokens this one becomes; nagisa normalises (NFKC) before it cuts Japanese."""
    return sum(map(processor.is_kept_char, unicodedata.normalize("NFKC", character) if normalised else character))


def _stamps(aligner, waveform: np.ndarray, words: list[str]) -> np.ndarray:
    """What the model says: (words, 2) float64 milliseconds on its grid, in any order."""
    import torch

    if not words:
        return np.zeros((0, 2))
    prompt = "<|audio_start|><|audio_pad|><|audio_end|>" + "".join(f"{word}<timestamp><timestamp>" for word in words)
    inputs = aligner.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    inputs = inputs.to(aligner.model.device).to(aligner.model.dtype)
    with _ONE_AT_A_TIME, torch.inference_mode():
        steps = aligner.model.thinker(**inputs).logits.argmax(-1)
    stamped = steps[inputs["input_ids"] == aligner.timestamp_token_id]
    return stamped.cpu().numpy().reshape(-1, 2) * aligner.timestamp_segment_time


def _repaired(processor, stamps: np.ndarray) -> np.ndarray:
    """Times that run forward: those off the longest forward run are put between their neighbours."""
    if not len(stamps):
        return stamps
    return np.reshape(processor.fix_timestamp(stamps.ravel()), (-1, 2)).astype(float)


def _with_times(turns: Sequence[Turn], pieces: list[list[str]], times: np.ndarray, seconds: float) -> tuple[Turn, ...]:
    """The turns with their words; `pieces` are each turn's, which follow one another in `times`."""
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
    """A turn's words; a token without text of its own lengthens the word before it."""
    words: list[Word] = []
    for piece, (start, end) in zip(pieces, times.tolist(), strict=True):
        if piece:
            words.append(Word(piece, start, end))
        else:
            words[-1] = replace(words[-1], end_seconds=end)
    return tuple(words)
