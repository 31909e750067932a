"""Stereo recordings of calls: does each channel hold one speaker?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.mixing import mix_down
from kikitori.errors import AudioError
from kikitori.strings import format_time
from kikitori.transcript import TranscriptWarning

# How much of a recording's beginning decides.
PROBE_SECONDS = 300.0

# 50 ms.
FRAME_SAMPLES = SAMPLE_RATE // 20

# Frames this much weaker than the strongest one are pauses.
ACTIVE_DB = 35.0

# In a frame dominated by one channel, that channel is at least this much louder. On separate phone lines the other
# speaker is a faint echo at most; in one room both microphones pick up both speakers.
DOMINANCE_DB = 12.0

# One speaker per channel: at least this share of the active frames is dominated by one channel, ...
MIN_DOMINATED = 0.8

# ... and each channel dominates at least this share.
MIN_SHARE = 0.05


def split_or_mix(
    blocks: Iterable[np.ndarray], stereo: bool | None, warnings: list[TranscriptWarning]
) -> tuple[bool, Iterator[np.ndarray]]:
    """Decide whether to transcribe a recording's channels separately, and convert its blocks for that.

    Args:
        blocks: float32 arrays of shape (samples, channels), 16 kHz.
        stereo: True to separate the channels, False to mix them, None to find out from the first PROBE_SECONDS.
        warnings: gets the warning of `mix_down`.

    Returns:
        Whether the channels are separate, and an iterator over blocks of shape (samples, 2), or (samples, 1) if they
        are mixed. It yields everything that was read before it raises an error of `blocks`. If the channels were
        found to be separate and the recording goes on without two channels, the rest is mixed into the first channel.

    Raises:
        AudioError: raised by the iterator. stereo is True, and a block has another number of channels than two.
    """
    blocks = iter(blocks)
    if stereo is None:
        probed, error = _probe(blocks)
        stereo = bool(probed) and all(block.shape[1] == 2 for block in probed)
        stereo = stereo and has_one_speaker_per_channel(np.concatenate(probed))
        blocks = _resume(probed, error, blocks)
        return stereo, map(_mixed_into_first, blocks) if stereo else _mixed(blocks, warnings)
    return stereo, _required_stereo(blocks) if stereo else _mixed(blocks, warnings)


def has_one_speaker_per_channel(sound: np.ndarray) -> bool:
    """Whether one channel is far louder in nearly every active frame, and each of the two is at times.

    sound: float array of shape (samples, 2), 16 kHz.
    """
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES, 2)
    if not len(frames):
        return False
    levels = 10 * np.log10(np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-12)
    active = levels.max(axis=1) > levels.max() - ACTIVE_DB
    difference = levels[active, 0] - levels[active, 1]
    shares = np.mean(difference >= DOMINANCE_DB), np.mean(difference <= -DOMINANCE_DB)
    return bool(sum(shares) >= MIN_DOMINATED and min(shares) >= MIN_SHARE)


def _probe(blocks: Iterator[np.ndarray]) -> tuple[list[np.ndarray], AudioError | None]:
    """Take the first PROBE_SECONDS, less if the channels are not two; and the error if reading failed in them."""
    probed: list[np.ndarray] = []
    samples = 0
    try:
        for block in blocks:
            probed.append(block)
            samples += len(block)
            if block.shape[1] != 2 or samples >= PROBE_SECONDS * SAMPLE_RATE:
                break
    except AudioError as error:
        return probed, error
    return probed, None


def _resume(probed: list[np.ndarray], error: AudioError | None, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield from probed
    if error:
        raise error
    yield from blocks


def _mixed(blocks: Iterable[np.ndarray], warnings: list[TranscriptWarning]) -> Iterator[np.ndarray]:
    return (block for block, _ in mix_down(((block, SAMPLE_RATE) for block in blocks), warnings))


def _mixed_into_first(block: np.ndarray) -> np.ndarray:
    """Return a block of two channels unchanged, and any other one mixed, with silence as its second channel.

    With the mix in both channels every word would be transcribed twice.
    """
    return block if block.shape[1] == 2 else np.pad(block.mean(axis=1, keepdims=True), ((0, 0), (0, 1)))


def _required_stereo(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    samples = 0
    for block in blocks:
        if block.shape[1] != 2:
            raise AudioError("not_stereo", channels=block.shape[1], time=format_time(samples / SAMPLE_RATE))
        samples += len(block)
        yield block
