"""Formats of many small parts, each with its own header: MP3, AAC, AMR, FLV, MPEG's streams.

Specifications: ISO/IEC 11172-3 and 13818-3 (MP3), 14496-3 (ADTS), 13818-1 (MPEG-TS and -PS), RFC 4867 (AMR), Adobe
Flash Video File Format 10.1.
"""

from __future__ import annotations

from collections.abc import Callable

from kikitori.audio.containers.reader import Reader

FrameLength = Callable[[bytes], int | None]
"""Returns the length of the frame that begins with some bytes; None if none does."""

HEADER_BYTES = 6
"""What `mpeg_length` and `adts_length` need to see."""
SYNC_BYTES = 1 << 20
"""How far into a file its first frame is searched."""
SYNC_FRAMES = 3
"""So many frames in a row are no coincidence."""

AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
AMR_WB_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
"""Frame lengths by mode, RFC 4867 section 5.3."""

FLV_TAGS = (8, 9, 18)
"""Sound, pictures, data."""

MPEG_KBITS = {
    (True, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 1): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Whether it is MPEG-1, and the layer as its header writes it (3 is layer I) -> bit rates."""
MPEG_RATES = (44100, 48000, 32000)
MPEG_RATE_DIVISOR = {3: 1, 2: 2, 0: 4}
"""By version: MPEG-1, MPEG-2, MPEG-2.5."""


def has_mpeg_frames(reader: Reader, start: int) -> bool:
    """Whether frames of MP3 follow somewhere in the rest of a file."""
    return _find_frames(reader, start, reader.size, mpeg_length) is not None


def is_mpeg_audio_cut(reader: Reader) -> bool:
    """MP3 and AAC (ADTS): whether the last frame does not fit, or there are fewer frames than the first one counts."""
    start = _after_id3(reader, 0)
    length_of = adts_length if adts_length(reader.at(start, HEADER_BYTES)) else mpeg_length
    position: int | None = start
    if length_of(reader.at(start, HEADER_BYTES)) is None:
        position = _find_frames(reader, start, min(reader.size, start + SYNC_BYTES), length_of)
    if position is None:
        return False
    promised = _counted_frames(reader, position) if length_of is mpeg_length else 0
    frames = 0
    while position is not None and position < reader.size:
        length = length_of(head := reader.at(position, HEADER_BYTES))
        if length is None and len(head) < HEADER_BYTES:
            return head[0] == 0xFF or frames < promised
        frames += length is not None
        if length is None:  # a tag or anything else: frames may go on behind it
            position = _find_frames(reader, _after_id3(reader, position), reader.size, length_of)
        else:
            position += length
    return frames < promised or (position or 0) > reader.size


def _after_id3(reader: Reader, position: int) -> int:
    """Where the sound begins: behind ID3v2 tags."""
    while (head := reader.at(position, 10)).startswith(b"ID3") and len(head) == 10:
        size = 0
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
        position += 10 + size + (10 if head[5] & 0x10 else 0)
    return position


def _find_frames(reader: Reader, start: int, end: int, length_of: FrameLength) -> int | None:
    """Where a few frames follow each other; None if nowhere."""
    position: int | None = start
    while (position := reader.find(b"\xff", position, end)) is not None:
        if _are_frames(reader, position, length_of):
            return position
        position += 1
    return None


def _are_frames(reader: Reader, position: int, length_of: FrameLength) -> bool:
    for _ in range(SYNC_FRAMES):
        length = length_of(reader.at(position, HEADER_BYTES))
        if length is None:
            return False
        position += length
    return True


def adts_length(head: bytes) -> int | None:
    """The length of an AAC frame."""
    if len(head) < HEADER_BYTES or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else None


def mpeg_length(head: bytes) -> int | None:
    """The length of an MP3 frame (or layer I or II). None for "free format" too, whose frames do not tell it."""
    if len(head) < HEADER_BYTES or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, bit_rate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 0 or bit_rate in (0, 15) or rate == 3:
        return None
    bits = 1000 * MPEG_KBITS[version == 3, layer][bit_rate - 1]
    hertz = MPEG_RATES[rate] // MPEG_RATE_DIVISOR[version]
    padding = head[2] >> 1 & 1
    if layer == 3:
        return (12 * bits // hertz + padding) * 4
    return (72 if layer == 1 and version != 3 else 144) * bits // hertz + padding


def _counted_frames(reader: Reader, position: int) -> int:
    """The number of frames by the header that encoders put into the first frame (Xing, Info or VBRI); 0 without one.

    The frame itself is not counted in it by some encoders, so one lost frame (26 ms) may stay unnoticed.
    """
    head = reader.at(position, 200)
    is_mono, is_mpeg1 = head[3] >> 6 == 3, head[1] >> 3 & 3 == 3
    xing = 4 + ((17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17))
    if head[xing : xing + 4] in (b"Xing", b"Info") and head[xing + 7] & 1:
        return int.from_bytes(head[xing + 8 : xing + 12], "big")
    return int.from_bytes(head[50:54], "big") if head[36:40] == b"VBRI" else 0


def is_amr_cut(reader: Reader) -> bool:
    """AMR, narrow or wide band."""
    mark, lengths = (b"#!AMR-WB\n", AMR_WB_BYTES) if reader.at(0, 9) == b"#!AMR-WB\n" else (b"#!AMR\n", AMR_BYTES)
    if reader.at(0, len(mark)) != mark:
        return False  # several channels
    position = len(mark)
    while position < reader.size:
        position += lengths[reader.at(position, 1)[0] >> 3 & 15]
    return position > reader.size


def is_flv_cut(reader: Reader) -> bool:
    """FLV: whether the last tag does not fit, or the file is shorter than its first tag says."""
    position = reader.number(5, 4) + 4
    first = reader.at(position, 4096)
    field = first.find(b"\0\x08filesize\0")
    while position < reader.size and reader.at(position, 1)[0] & 0x1F in FLV_TAGS:
        position += 11 + reader.number(position + 1, 3) + 4
    return position > reader.size or (field >= 0 and _double(first[field + 11 : field + 19]) > reader.size)


def _double(data: bytes) -> float:
    import struct

    return struct.unpack(">d", data)[0] if len(data) == 8 else 0.0


def transport_packet_size(reader: Reader) -> int | None:
    """The packet size of an MPEG-TS, which has no header; None for other files."""
    for size, offset in ((188, 0), (192, 4), (204, 0)):
        if all(reader.at(offset + number * size, 1) == b"\x47" for number in range(5)):
            return size
    return None


def is_program_stream_cut(reader: Reader) -> bool:
    """MPEG-PS (.mpg, .vob): whether the last packet does not fit."""
    position = 0
    while position < reader.size:
        head = reader.at(position, 14)
        if not head.startswith(b"\0\0\1"[: len(head)]):
            return False
        if len(head) < 6:
            return head[3:4] != b"\xb9"
        position += _program_packet_bytes(head)
    return position > reader.size


def _program_packet_bytes(head: bytes) -> int:
    if head[3] == 0xB9:  # the end
        return 4
    if head[3] == 0xBA:  # a pack's header: of MPEG-2 with some stuffing, or of MPEG-1
        return 14 + (head[13] & 7 if len(head) == 14 else 0) if head[4] >> 6 == 1 else 12
    return 6 + int.from_bytes(head[4:6], "big")
