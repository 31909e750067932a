"""Raw sound as it is sent: 16-bit little-endian samples, mono, 16 kHz."""

from __future__ import annotations

import numpy as np

from kikitori.errors import AudioError

BYTES_PER_SECOND = 32000
CONTAINERS = {b"RIFF": "WAV", b"fLaC": "FLAC", b"OggS": "Ogg", b"ID3": "MP3", b"\x1aE\xdf\xa3": "WebM"}
"""What files of other kinds begin with."""


def is_raw(start: bytes) -> bool:
    """Whether sound that begins so is raw samples; False while that is open.

    Raises AudioError if it is a file with a header.
    """
    for header, kind in CONTAINERS.items():
        if start.startswith(header):
            raise AudioError("not_raw", kind=kind)
    return not any(header.startswith(start) for header in CONTAINERS)


class PcmStream:
    """Turns bytes into samples, wherever they are divided."""

    def __init__(self):
        self._rest = b""
        self._is_begun = False

    def add(self, data: bytes) -> np.ndarray:
        """Return samples, float32, (samples,), in [-1, 1). A byte that is half of one waits for the next bytes.

        So do the first bytes of all while they may be the beginning of a file with a header. Raises AudioError if they
        are.
        """
        data = self._rest + data
        self._is_begun = self._is_begun or is_raw(data)
        whole = len(data) - len(data) % 2 if self._is_begun else 0
        self._rest = data[whole:]
        return np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768
