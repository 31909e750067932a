"""The outline of a whole file, read beside its transcription: the timeline shows it even if that is stopped early."""

from __future__ import annotations

import threading

from kikitori.audio.files import open_recording
from kikitori.errors import AudioError
from kikitori.peaks import Peaks


class Outline:
    """Reads a file's peaks in a thread of its own, which takes seconds where a transcription takes minutes.

    mono: as `open_recording` takes it. The transcription itself says what is wrong with a file.
    """

    def __init__(self, path: str, mono: bool, max_seconds: float):
        self._recording = open_recording(path, max_seconds, mono)
        self._peaks = Peaks()
        self._is_whole = self._is_closed = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def peaks(self) -> Peaks | None:
        """Those of the whole file; None until it is read, and if it can't be."""
        return self._peaks if self._is_whole else None

    def wait(self) -> None:
        """Wait until the file is read."""
        self._thread.join()

    def close(self) -> None:
        """Read no more. What is read stays."""
        self._is_closed = True

    def _read(self) -> None:
        try:
            for block in self._recording.blocks:
                if self._is_closed:
                    return
                self._peaks.add(block)
            self._is_whole = True
        except AudioError:
            return
