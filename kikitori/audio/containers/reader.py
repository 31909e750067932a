"""Bytes anywhere in a file, with bounded work."""

from __future__ import annotations

import io
from typing import BinaryIO

BUFFER_BYTES = 1 << 16

MAX_READS = 5_000_000
"""Twice what the smallest frames of four hours need. A hostile file may consist of tiny parts."""


class TooManyPartsError(Exception):
    """The file has more parts than any recording."""


class ShrunkError(Exception):
    """The file is shorter than it was when its reading began."""


class Reader:
    """Reads short pieces of a file. The size is that at the time of creation."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._start, self._buffer = 0, b""
        self._reads_left = MAX_READS
        self.size: int = file.seek(0, io.SEEK_END)

    def at(self, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`, fewer at the end of the file.

        Raises TooManyPartsError and ShrunkError.
        """
        self._reads_left -= 1
        if self._reads_left < 0:
            raise TooManyPartsError
        offset = start - self._start
        if offset < 0 or offset + length > len(self._buffer):
            self._fill(start)
            offset = 0
        found = self._buffer[offset : offset + length]
        if len(found) < min(length, self.size - start):
            raise ShrunkError
        return found

    def number(self, start: int, length: int, order: str = "big") -> int:
        """Return the unsigned integer at a position; what the file lacks counts as zero bits."""
        return int.from_bytes(self.at(start, length).ljust(length, b"\0"), order)

    def find(self, mark: bytes, start: int, end: int) -> int | None:
        """Return where a mark of a few bytes begins in a part of the file; None if it does not."""
        while start < end:
            piece = self.at(start, min(BUFFER_BYTES, end - start + len(mark) - 1))
            if (found := piece.find(mark)) >= 0:
                return start + found
            start += max(1, len(piece) - len(mark) + 1)
        return None

    def _fill(self, start: int) -> None:
        self._start, self._buffer = start, b""
        if 0 <= start < self.size:
            self._file.seek(start)
            self._buffer = self._file.read(BUFFER_BYTES) or b""
