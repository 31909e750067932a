"""Several channels -> one, by averaging; by leaving one out where two would cancel each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kikitori.strings import format_time
from kikitori.transcript import TranscriptWarning

Block = tuple[np.ndarray, float]
"""Float32 samples of shape (samples, channels), and their rate in Hz."""

SPAN_SECONDS = 1.0
"""What is decided at once: longer than the slowest sounds that two microphones may pick up in opposite phase."""

CANCEL_POWER = 0.01
"""Two channels cancel if the average has less than this share (-20 dB) of the louder one's power. Unrelated channels
keep half of it, and a single loud channel a quarter.
"""

EVERY = 7
"""Power is measured on every seventh sample: enough, and no round fraction of a tone's period."""

QUIET_POWER = 1e-6
"""Below it (-60 dBFS), a span decides nothing and is mixed like the one before."""


def mix_down(blocks: Iterable[Block], warnings: list[TranscriptWarning]) -> Iterator[Block]:
    """Average the channels of each block, sample by sample.

    Two channels of opposite polarity (left = -right) would become silence. Where a second of sound cancels, the left
    channel is used alone, and one warning is added.

    Yields blocks of shape (samples, 1), in the same sizes.
    """
    is_one_sided, seconds = False, 0.0
    for span in _spans(blocks):
        is_one_sided = _cancels(span, otherwise=is_one_sided)
        if is_one_sided and not any(warning.kind == "opposite_channels" for warning in warnings):
            warnings.append(_warning(seconds))
        for block, rate in span:
            yield block[:, :1] if is_one_sided else _average(block), rate
            seconds += len(block) / rate


def _average(block: np.ndarray) -> np.ndarray:
    if block.shape[1] == 1:
        return block
    if block.shape[1] == 2:  # the same numbers as `mean`, twenty times as fast
        return (block[:, :1] + block[:, 1:]) * np.float32(0.5)
    return block.mean(axis=1, keepdims=True)


def _spans(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Group blocks of two channels into spans; others stay alone. An error comes after what was read before it."""
    span: list[Block] = []
    samples = 0
    try:
        for block, rate in blocks:
            if span and (samples >= SPAN_SECONDS * rate or block.shape[1] != 2 or span[0][0].shape[1] != 2):
                yield span
                span, samples = [], 0
            span.append((block, rate))
            samples += len(block)
    except Exception:
        if span:
            yield span
        raise
    if span:
        yield span


def _cancels(span: list[Block], otherwise: bool) -> bool:
    """Whether averaging two channels leaves next to nothing of them. otherwise: the answer for a quiet span."""
    if span[0][0].shape[1] != 2:
        return False
    with np.errstate(all="ignore"):  # samples that are not finite are reported later
        sampled = np.concatenate([block[::EVERY] for block, _ in span])
        powers = sampled.T @ sampled / len(sampled)
    loudest = powers.diagonal().max()
    return bool(powers.mean() < CANCEL_POWER * loudest) if loudest > QUIET_POWER else otherwise


def _warning(seconds: float) -> TranscriptWarning:
    message = (
        f"{format_time(seconds)}: from here on the two channels have opposite polarity and cancel each other out: "
        "the left one is used alone"
    )
    return TranscriptWarning("opposite_channels", message, round(seconds, 3), round(seconds, 3))
