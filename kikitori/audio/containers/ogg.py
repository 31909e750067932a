"""Ogg (RFC 3533): pages with a checksum. The last page of each stream has a mark."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from kikitori.audio.containers.reader import Reader

HEADER_BYTES = 27
LAST_PAGE = 4
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in the opposite order."""


def is_ogg_cut(reader: Reader) -> bool:
    """Whether a page does not fit into the file, or a stream lacks its last page. A chained file has many streams."""
    unfinished: set[bytes] = set()
    for position, head, length in _pages(reader):
        if position + length > reader.size:
            return True
        serial = head[14:18]
        (unfinished.discard if head[5] & LAST_PAGE else unfinished.add)(serial)
    return bool(unfinished)


def share_before_bad_page(reader: Reader) -> float | None:
    """How much of the other pages' sound comes before the first page whose checksum is wrong; None if all are right.

    Decoders leave such a page out without a word.
    """
    at_bad_page: int | None = None
    before = reached = lost = 0
    for position, head, length in _pages(reader):
        granule = int.from_bytes(head[6:14], "little", signed=True)  # the time at the page's end; -1: none
        if granule < 0:
            granule = reached
        if granule < reached:  # the next stream of a chained file begins at 0
            before, reached = before + reached, 0
        if at_bad_page is None and position + length <= reader.size and not _is_right(reader.at(position, length)):
            at_bad_page, lost = before + reached, granule - reached
        reached = granule
    if at_bad_page is None:
        return None
    return min(1.0, at_bad_page / max(1, before + reached - lost))


def _pages(reader: Reader) -> Iterator[tuple[int, bytes, int]]:
    """Yield each page's position, header and length; the last one may not fit into the file."""
    position: int | None = 0
    while position is not None and position < reader.size:
        head = reader.at(position, HEADER_BYTES)
        if not head.startswith(b"OggS"):
            position = reader.find(b"OggS", position + 1, reader.size)
            continue
        segments = reader.at(position + HEADER_BYTES, head[26]) if len(head) == HEADER_BYTES else b""
        length = max(HEADER_BYTES + len(segments) + sum(segments), HEADER_BYTES)
        yield position, head.ljust(HEADER_BYTES, b"\0"), length
        position += length


def _is_right(page: bytes) -> bool:
    """Compare a page's checksum: CRC-32 of the polynomial 0x04C11DB7, highest bit first, without inversion."""
    blank = page[:22] + bytes(4) + page[26:]
    reversed_sum = zlib.crc32(blank.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reversed_sum:032b}"[::-1], 2) == int.from_bytes(page[22:26], "little")
