"""Ogg (RFC 3533): pages, of which the last one of each stream is marked as the last."""

from __future__ import annotations

from kikitori.audio.containers.reader import Reader

HEADER_BYTES = 27
LAST_PAGE = 4


def is_ogg_cut(reader: Reader) -> bool:
    """Whether a page does not fit into the file, or a stream lacks its last page. A chained file has many streams."""
    position: int | None = 0
    unfinished: set[bytes] = set()
    while position is not None and position < reader.size:
        head = reader.at(position, HEADER_BYTES)
        if not head.startswith(b"OggS"):
            position = reader.find(b"OggS", position + 1, reader.size)
            continue
        if len(head) < HEADER_BYTES:
            return True
        segments = reader.at(position + HEADER_BYTES, head[26])
        position += HEADER_BYTES + head[26] + sum(segments)
        if position > reader.size:
            return True
        serial = head[14:18]
        (unfinished.discard if head[5] & LAST_PAGE else unfinished.add)(serial)
    return bool(unfinished)
