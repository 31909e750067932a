"""Messages and a progress bar on standard error."""

from __future__ import annotations

import sys
from pathlib import Path

from kikitori.audio.files import known_seconds
from kikitori.strings import displayed


class Bar:
    """Shows how much of a recording is done, if standard error is a terminal."""

    def __init__(self, audio: Path):
        from tqdm import tqdm

        total = known_seconds(audio)
        self._bar = tqdm(total=round(total, 1) if total else None, unit="s", unit_scale=True, leave=False, disable=None)

    def __enter__(self) -> Bar:
        return self

    def update(self, seconds: float) -> None:
        """Move to this time in the recording."""
        self._bar.update(seconds - self._bar.n)

    def __exit__(self, *_) -> None:
        self._bar.close()


def say(message: str) -> None:
    """Print a line on standard error."""
    print(displayed(message), file=sys.stderr, flush=True)
