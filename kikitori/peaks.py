"""The outline of a recording's sound, for drawing: how loud each part of it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

MAX_LEVELS = 1500
"""More than a screen has room for; as base64 they are 2,000 characters."""
FIRST_SAMPLES = 160
"""How much sound one level stands for at first; it doubles whenever there would be more than MAX_LEVELS."""


class Peaks:
    """The loudest sample of each part of a recording, whose length need not be known in advance."""

    def __init__(self):
        self._peaks = np.zeros(MAX_LEVELS, np.float32)
        self._samples = 0
        self.samples_per_level = FIRST_SAMPLES

    def watch(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield the blocks as they are, and add each. blocks: finite floats, (samples, channels) each."""
        for block in blocks:
            self.add(block)
            yield block

    @property
    def levels(self) -> bytes:
        """One byte per part: its largest absolute sample of all channels, from 0 to 255 for 1.0 and more."""
        count = -(-self._samples // self.samples_per_level)
        return np.rint(255 * self._peaks[:count].clip(max=1)).astype(np.uint8).tobytes()

    def add(self, block: np.ndarray) -> None:
        """Add the sound that follows. block: finite floats of shape (samples, channels)."""
        while len(block):
            room = MAX_LEVELS * self.samples_per_level - self._samples
            if not room:
                self._halve()
                continue
            self._add(block[:room])
            block = block[room:]

    def _add(self, block: np.ndarray) -> None:
        first, passed = divmod(self._samples, self.samples_per_level)
        starts = np.arange(-passed, len(block), self.samples_per_level).clip(min=0) * block.shape[1]
        sound = np.ravel(block)
        loudest = np.maximum(np.maximum.reduceat(sound, starts), -np.minimum.reduceat(sound, starts))
        peaks = self._peaks[first : first + len(starts)]
        np.maximum(peaks, loudest, out=peaks)
        self._samples += len(block)

    def _halve(self) -> None:
        """Give each level twice as much sound."""
        pairs = self._peaks.reshape(-1, 2).max(axis=1)
        self._peaks = np.concatenate([pairs, np.zeros(MAX_LEVELS - len(pairs), np.float32)])
        self.samples_per_level *= 2
