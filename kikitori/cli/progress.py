"""Messages and a progress bar on standard error."""

from __future__ import annotations

import sys
from pathlib import Path

from kikitori.audio.files import known_seconds
from kikitori.strings import displayed
from kikitori.transcript import Transcript


class Bar:
    """How far a recording is, on standard error where that is a terminal."""

    def __init__(self, audio: Path):
        from tqdm import tqdm

        total = known_seconds(audio)
        self._bar = tqdm(total=round(total, 1) if total else None, unit="s", unit_scale=True, leave=False, disable=None)

    def __enter__(self) -> Bar:
        """Itself."""
        return self

    def update(self, transcript: Transcript) -> None:
        """Move to where the transcript ends."""
        self._bar.update(transcript.duration_seconds - self._bar.n)

    def __exit__(self, *_) -> None:
        """Gone from the terminal."""
        self._bar.close()


def say(message: str) -> None:
    """Tell the user, on standard error."""
    print(displayed(message), file=sys.stderr, flush=True)
