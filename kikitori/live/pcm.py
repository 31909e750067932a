"""Raw sound as it is sent: 16-bit little-endian samples, mono, 16 kHz."""

from __future__ import annotations

import numpy as np

from kikitori.errors import AudioError

BYTES_PER_SECOND = 32000
CONTAINERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"\x1aE\xdf\xa3": "WebM"}
"""What files of other kinds begin with."""


class PcmStream:
    """Turns bytes into samples, wherever they are divided."""

    def __init__(self):
        self._rest = b""
        self._is_begun = False

    def add(self, data: bytes) -> np.ndarray:
        """Return samples, float32, (samples,), in [-1, 1). A byte that is half of one waits for the next bytes.

        Raises AudioError if the first bytes are those of a file with a header.
        """
        if not self._is_begun and data:
            self._is_begun = True
            for start, kind in CONTAINERS.items():
                if data.startswith(start):
                    raise AudioError("not_raw", kind=kind)
        data = self._rest + data
        whole = len(data) - len(data) % 2
        self._rest = data[whole:]
        return np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768
