"""Containers whose parts begin with their size: WAV, AVI, AIFF, W64, CAF, AU, ASF, MP4.

Specifications: Multimedia Programming Interface and Data Specifications 1.0 (RIFF), EBU Tech 3306 (RF64), AIFF 1.3,
Apple Core Audio Format 1.0, Advanced Systems Format 01.20.03, ISO/IEC 14496-12 (MP4).
"""

from __future__ import annotations

from kikitori.audio.containers.reader import Reader

UNKNOWN_SIZES = ((0, 0), (0x7EFFFF00, 0x7F000008), (0x7FFF0000, 0x80000000), (0xFFFF0000, 0xFFFFFFFF))
"""What programs write to a pipe, when they do not know the length yet: nothing, SoX's 0x7F000000 for AIFF, and the
highest number of 31 or 32 bits, often less a header or rounded down. First and last of each range.
"""

AVI_CHUNKS = (b"LIST", b"idx1", b"JUNK")
"""Beside those of a stream, which begin with its number, and their indexes (ix00, ix01, ...)."""

MP4_BOXES = frozenset(
    (
        b"ftyp",
        b"styp",
        b"moov",
        b"moof",
        b"mdat",
        b"mfra",
        b"sidx",
        b"free",
        b"skip",
        b"wide",
        b"uuid",
        b"meta",
        b"udta",
    )
)
"""Those that stand alone. Anything else behind them is not a part of the recording."""

ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_OBJECTS = (
    ASF_HEADER,
    bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c"),  # the sound
    bytes.fromhex("90080033b1e5cf1189f400a0c90349cb"),  # indexes
    bytes.fromhex("d329e2d6da35d111903400a0c90349be"),
    bytes.fromhex("f803b1fead12644c840f2a1d2f7ad48c"),
)
ASF_FLAGS_OFFSET = 88
"""In the file properties. The lowest bit says that the sizes are not valid, because the file was broadcast."""


AU_LITTLE_ENDIAN = b"dns."
"""The mark of an AU whose numbers have their lowest byte first."""


def is_wav_cut(reader: Reader) -> bool:
    """WAV, RF64 and RIFX. What follows the sound is not looked at: programs disagree about its padding."""
    position, long_size = 12, 0
    order = "big" if reader.at(0, 4) == b"RIFX" else "little"
    while len(head := reader.at(position, 8)) == 8:
        kind, size = head[:4], int.from_bytes(head[4:], order)
        if kind == b"ds64":  # RF64's sizes in 64 bits: of the file, of the sound
            long_size = reader.number(position + 16, 8, "little")
        if kind == b"data":
            if size == 0xFFFFFFFF and long_size:
                return position + 8 + long_size > reader.size
            return _passes_end(reader, position + 8, size)
        position += 8 + size + size % 2
    return False


def is_aiff_cut(reader: Reader) -> bool:
    """AIFF and AIFF-C. What follows the sound is not looked at."""
    position = 12
    while len(head := reader.at(position, 8)) == 8:
        size = int.from_bytes(head[4:], "big")
        if head[:4] == b"SSND":
            return _passes_end(reader, position + 8, size)
        position += 8 + size + size % 2
    return False


def is_w64_cut(reader: Reader) -> bool:
    """Sony's WAV with long names and sizes, which count the 24 bytes of their header."""
    position = 40
    while len(head := reader.at(position, 24)) == 24:
        size = int.from_bytes(head[16:], "little")
        if head[:4] == b"data":
            return size < 1 << 62 and position + size > reader.size
        position += max(24, (size + 7) // 8 * 8)
    return False


def is_au_cut(reader: Reader) -> bool:
    """Sun's AU: one header with the size of the sound, 0xFFFFFFFF if it is not known."""
    order = "little" if reader.at(0, 4) == AU_LITTLE_ENDIAN else "big"
    return _passes_end(reader, reader.number(4, 4, order), reader.number(8, 4, order))


def _passes_end(reader: Reader, start: int, size: int) -> bool:
    return not _is_unknown(size) and start + size > reader.size


def _is_unknown(size: int) -> bool:
    return any(first <= size <= last for first, last in UNKNOWN_SIZES)


def is_caf_cut(reader: Reader) -> bool:
    """CAF. A size of -1 reaches to the end of the file. libsndfile writes one byte more than the last chunk has."""
    position = 8
    while len(head := reader.at(position, 12)) == 12:
        size = int.from_bytes(head[4:], "big", signed=True)
        if size < 0:
            return False
        position += 12 + size
    return position > reader.size


def is_avi_cut(reader: Reader) -> bool:
    """AVI. Lists whose size is not known are entered, so that each part of them is checked."""
    position = 0
    while position < reader.size:
        head = reader.at(position, 8)
        kind, size = head[:4], int.from_bytes(head[4:], "little")
        if kind == b"RIFF" or (kind == b"LIST" and _is_unknown(size)):
            position += 12
        elif len(head) < 8 or kind in AVI_CHUNKS or kind[:2] == b"ix" or kind[:2].isdigit():
            if position + 8 + size > reader.size:
                return True
            position += 8 + size + size % 2
        else:
            return False  # not a chunk: something else follows
    return False


def is_mp4_cut(reader: Reader) -> bool:
    """MP4, M4A, MOV, 3GP. A size of 0 reaches to the end of the file, 1 stands for a longer field."""
    position = 0
    while position < reader.size:
        head = reader.at(position, 16)
        size, shortest = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, shortest = int.from_bytes(head[8:], "big"), 16
        if len(head) < shortest:
            return any(head)  # zeros are padding
        if size < shortest or head[4:8] not in MP4_BOXES:
            return False
        position += size
    return position > reader.size


def is_asf_cut(reader: Reader) -> bool:
    """ASF and WMA, unless they were broadcast."""
    length = reader.number(16, 8, "little")
    properties = reader.find(ASF_FILE_PROPERTIES, 30, min(length, 1 << 16))
    if properties is None or reader.number(properties + ASF_FLAGS_OFFSET, 1) & 1:
        return False
    position = 0
    while position < reader.size:
        head = reader.at(position, 24)
        size = int.from_bytes(head[16:], "little")
        if head[:16] not in ASF_OBJECTS or size < 24:
            return len(head) < 24
        position += size
    return position > reader.size
