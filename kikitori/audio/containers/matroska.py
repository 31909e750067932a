"""Matroska and WebM (RFC 9559): elements of an id, a size and a content, one inside the other (EBML, RFC 8794)."""

from __future__ import annotations

from kikitori.audio.containers.reader import Reader

SEGMENT = 0x18538067
CLUSTER = 0x1F43B675
LIVE_PARTS = {0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0x5854}
"""Of a cluster: its time, blocks, group of blocks, position, size of the one before, silent tracks."""
PARTS = LIVE_PARTS | {
    *(SEGMENT, CLUSTER, 0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B),  # header, seek head, information, tracks
    *(0x1C53BB6B, 0x1254C367, 0x1941A469, 0x1043A770, 0xEC, 0xBF),  # cues, tags, attachments, chapters, void, checksum
}


def is_matroska_cut(reader: Reader) -> bool:
    """A segment of known size must fit into the file. Live recordings do not know it; then each of its parts must fit.

    Clusters whose size is not known either are entered, and each of their blocks is checked.
    """
    position = 0
    while position < reader.size:
        kind, size, length = _element(reader.at(position, 12))
        if kind is None:
            return length > 0
        if kind not in PARTS or (size is None and kind not in (SEGMENT, CLUSTER)):
            return False  # not an element: something else follows
        position += length
        position += size or 0
    return position > reader.size


def _element(head: bytes) -> tuple[int | None, int | None, int]:
    """Return an element's id (None if there is none), its size (None if unknown), and the length of both in bytes.

    The length is 0 if what is there can't be the beginning of an element.
    """
    id_length = _length(head[:1])
    size_length = _length(head[id_length : id_length + 1])
    length = id_length + size_length
    if id_length > 4 or size_length > 8:
        return None, None, 0
    if length > len(head):
        return None, None, length
    kind = int.from_bytes(head[:id_length], "big")
    unknown = (1 << 7 * size_length) - 1
    size = int.from_bytes(head[id_length:length], "big") & unknown
    return kind, None if size == unknown else size, length


def _length(first: bytes) -> int:
    """The length of a number whose first byte is given: one more than its leading zero bits."""
    return 9 - (first[0] if first else 255).bit_length()
