"""Stereo recordings of calls: is there one speaker a channel?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.errors import AudioError

HEARD_SECONDS = 300.0
"""How much of the beginning decides."""
FRAME_SAMPLES = SAMPLE_RATE // 20
ACTIVE_DB = 35.0
"""Frames this much weaker than the strongest are pauses."""
DOMINANCE_DB = 12.0
"""On a line of one's own the other is heard as a faint echo at most; in a room both microphones hear both."""
MIN_DOMINATED = 0.8
MIN_SHARE = 0.05
"""Of the frames that are no pauses: so many belong to one channel, so many at least to each."""


def split_or_mix(blocks: Iterable[np.ndarray], stereo: bool | None) -> tuple[bool, Iterator[np.ndarray]]:
    """Whether to hear the channels one by one, and the blocks for that: (samples, 2), or mono (samples, 1).

    blocks: float32 16 kHz, (samples, channels). stereo: True or False where the user has said so, None to find out.
    Raises AudioError, when the blocks are taken, where the user said so and there are not two channels.
    """
    blocks = iter(blocks)
    held: list[np.ndarray] = []
    if stereo is None:
        for block in blocks:
            held.append(block)
            if block.shape[1] != 2 or sum(map(len, held)) >= HEARD_SECONDS * SAMPLE_RATE:
                break
        stereo = all(block.shape[1] == 2 for block in held) and has_one_speaker_a_channel(
            np.concatenate([np.zeros((0, 2), np.float32), *held])
        )
    everything = chain(held, blocks)
    return stereo, map(_as_two, everything) if stereo else map(_as_one, everything)


def has_one_speaker_a_channel(sound: np.ndarray) -> bool:
    """Whether in nearly every frame of sound (samples, 2) one channel is far louder, and each is at times."""
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES, 2)
    if not len(frames):
        return False
    levels = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12)
    active = levels.max(axis=1) > levels.max() - ACTIVE_DB
    difference = levels[active, 0] - levels[active, 1]
    shares = np.mean(difference >= DOMINANCE_DB), np.mean(difference <= -DOMINANCE_DB)
    return bool(sum(shares) >= MIN_DOMINATED and min(shares) >= MIN_SHARE)


def _as_one(block: np.ndarray) -> np.ndarray:
    return block if block.shape[1] == 1 else block.mean(axis=1, keepdims=True)


def _as_two(block: np.ndarray) -> np.ndarray:
    if block.shape[1] != 2:
        raise AudioError("not_stereo", channels=block.shape[1])
    return block
