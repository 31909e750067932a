"""The outline of a recording's sound, for drawing: how loud each part of it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

FIRST_LEVELS = 1500
"""More than a screen has room for, so that short recordings are drawn finely."""
FIRST_SAMPLES = 160
"""How much sound one level stands for at first. It doubles when there would be more than FIRST_LEVELS."""
LAST_SAMPLES = 640
"""It doubles up to this: 25 levels a second. The closest view of the page shows five seconds (static/zoom.js). These
are 125 levels, enough to see where a word begins. Four hours are 360,000 levels, or 480 kB as base64. While a recording
is transcribed, they are sent in parts, so that each window brings only its own."""


class Peaks:
    """The loudest sample of each part of a recording, whose length need not be known in advance."""

    def __init__(self):
        self._peaks = np.zeros(FIRST_LEVELS, np.float32)
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

    @property
    def settled(self) -> int:
        """How many of the first levels will stay as they are, whatever sound follows."""
        return self._samples // LAST_SAMPLES if self.samples_per_level == LAST_SAMPLES else 0

    def add(self, block: np.ndarray) -> None:
        """Add the sound that follows. block: finite floats of shape (samples, channels)."""
        while len(block):
            room = len(self._peaks) * self.samples_per_level - self._samples
            if not room:
                self._make_room()
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

    def _make_room(self) -> None:
        """Give each level twice as much sound, or take twice as many levels."""
        kept, size = self._peaks, len(self._peaks)
        if self.samples_per_level < LAST_SAMPLES:
            self.samples_per_level *= 2
            kept = kept.reshape(-1, 2).max(axis=1)
        else:
            size *= 2
        self._peaks = np.concatenate([kept, np.zeros(size - len(kept), np.float32)])
