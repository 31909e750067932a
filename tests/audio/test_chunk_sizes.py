"""Files written byte by byte: each container is whole if its last part fits, and cut off if it does not."""

from __future__ import annotations

import io

import pytest

from kikitori.audio.containers import has_another_link, reader, share_before_damage

ASF = {
    "header": "3026b2758e66cf11a6d900aa0062ce6c",
    "properties": "a1dcab8c47a9cf118ee400c00c205365",
    "sound": "3626b2758e66cf11a6d900aa0062ce6c",
    "simple index": "90080033b1e5cf1189f400a0c90349cb",
    "index": "d329e2d6da35d111903400a0c90349be",
    "media index": "f803b1fead12644c840f2a1d2f7ad48c",
}
"""Advanced Systems Format 01.20.03, section 10."""


ASF_COUNT = bytes([1, 0, 0, 0, 1, 2])
"""One part in the header, and two reserved bytes."""


@pytest.fixture(autouse=True)
def few_reads(monkeypatch):
    """A reader that goes round in circles ends soon."""
    monkeypatch.setattr(reader, "MAX_READS", 1000)


def share(data: bytes) -> float | None:
    return share_before_damage(io.BytesIO(data))


def chunk(kind: bytes, size: int, content: bytes, order: str = "little", size_bytes: int = 4) -> bytes:
    return kind + size.to_bytes(size_bytes, order) + content


def box(kind: bytes, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def w64(kind: bytes, size: int, content: bytes) -> bytes:
    return chunk(kind.ljust(16, b"\0"), size, content, size_bytes=8)


def asf_part(name: str, content: bytes) -> bytes:
    return chunk(bytes.fromhex(ASF[name]), 24 + len(content), content, size_bytes=8)


def asf_properties(flags: int) -> bytes:
    return asf_part("properties", bytes(64) + bytes([flags]) + bytes(15))


def asf(*parts: bytes, flags: int = 2) -> bytes:
    return asf_part("header", ASF_COUNT + asf_properties(flags)) + b"".join(parts)


RIFF, RIFX, AIFF, CAF, W64 = b"RIFF----WAVE", b"RIFX----WAVE", b"FORM----AIFF", b"caff----", b"riff" + bytes(36)
AVI, OLD_LIST = b"RIFF----AVI ", chunk(b"LIST", 8, b"movi----")
RF64_SIZES = chunk(b"ds64", 28, bytes(8) + (4).to_bytes(8, "little") + b"\1" * 12)
RF64_LONG = chunk(b"ds64", 28, bytes(8) + (1 << 60).to_bytes(8, "little") + bytes(12))
SOUND, BIG_SOUND = chunk(b"data", 4, b"true"), chunk(b"SSND", 4, b"true", "big")
CAF_SOUND, W64_SOUND, AVI_SOUND = chunk(b"data", 4, b"true", "big", 8), w64(b"data", 28, b"true"), b"00wb" + SOUND[4:]
FTYP, MDAT = box(b"ftyp", b"M4A "), box(b"mdat", b"true")
LONG_MDAT = b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"true"
ASF_SOUND = asf_part("sound", b"true")
WHOLE = {
    "WAV": RIFF + chunk(b"note", 3, b"abc\0") + SOUND,
    "RIFX": RIFX + chunk(b"note", 3, b"abc\0", "big") + chunk(b"data", 4, b"true", "big"),
    "RF64": b"RF64----WAVE" + RF64_SIZES + chunk(b"data", 0xFFFFFFFF, b"true"),
    "RF64 with a short size": b"RF64----WAVE" + RF64_LONG + SOUND,
    "AIFF": AIFF + chunk(b"NAME", 3, b"abc\0", "big") + BIG_SOUND,
    "AIFC": b"FORM----AIFC" + chunk(b"NAME", 4, b"abcd", "big") + BIG_SOUND,
    "CAF": CAF + chunk(b"free", 3, b"abc", "big", 8) + chunk(b"free", 0, b"", "big", 8) + CAF_SOUND,
    "W64": W64 + w64(b"fact", 27, b"abc" + bytes(5)) + w64(b"fact", 32, bytes(8)) + W64_SOUND,
    "W64 of small chunks": W64 + w64(b"fact", 0, b"") + w64(b"fact", 17, b"") + W64_SOUND,
    "W64 with padding": W64 + w64(b"fact", 25, b"a" + bytes(7)) + W64_SOUND,
    "AU": b".snd" + (28).to_bytes(4, "big") + (4).to_bytes(4, "big") + bytes(16) + b"true",
    "AU, little endian": b"dns." + (28).to_bytes(4, "little") + (4).to_bytes(4, "little") + bytes(16) + b"true",
    **{
        f"AVI with {kind.decode()}": AVI + chunk(kind, 3, b"abc\0") + AVI_SOUND + chunk(kind, 3, b"abc")
        for kind in (b"LIST", b"JUNK", b"idx1", b"ix00", b"00wb", b"11dc")
    },
    "AVI of lists": AVI + OLD_LIST + chunk(b"LIST", 0, b"movi") + AVI_SOUND + AVI + OLD_LIST + AVI_SOUND,
    **{
        f"MP4 with {kind}": FTYP + box(kind.encode(), b"abc") + box(kind.encode()) + MDAT
        for kind in "ftyp styp moov moof mdat mfra sidx free skip wide uuid meta udta".split()
    },
    **{f"MP4 that begins with {kind}": box(kind.encode(), b"abc") + MDAT for kind in ("moov", "mdat", "wide")},
    "MP4 of long boxes": FTYP + b"\0\0\0\1free" + (16).to_bytes(8, "big") + LONG_MDAT,
    **{
        f"ASF with {name}": asf(ASF_SOUND, asf_part(name, b""), asf_part(name, b"true"))
        for name in ("header", "sound", "simple index", "index", "media index")
    },
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_the_last_part_must_fit(data):
    assert share(data) is None
    assert [share(data[:-missing]) for missing in (1, 2, 3)] == [1.0] * 3


CUT = {
    "WAV without sound": RIFF + chunk(b"data", 1, b""),
    "RF64 of exabytes": b"RF64----WAVE" + RF64_LONG + chunk(b"data", 0xFFFFFFFF, b"true"),
    "AIFF of gigabytes": AIFF + chunk(b"SSND", 0x60000000, b"true", "big"),
    "CAF of exabytes": CAF + chunk(b"data", 1 << 60, b"true", "big", 8),
    "MP4 of exabytes": FTYP + b"\0\0\0\1mdat" + (1 << 60).to_bytes(8, "big"),
    "W64 of exabytes": W64 + w64(b"data", (1 << 62) - 1, b"true"),
    "AVI in a header": AVI + AVI_SOUND + b"00wb\4\0\0",
    "MP4 in a header": FTYP + MDAT + b"\0\0\0\x10mda",
    "MP4 in a long header": FTYP + LONG_MDAT[:15],
    "MP4 behind a header": FTYP + b"\0\0\0\x09mdat",
    "ASF in a header": asf(ASF_SOUND, ASF_SOUND[:23]),
    "ASF of all flags but one": asf(ASF_SOUND[:-1], flags=0xFE),
}
NOT_CUT = {
    "WAV without a chunk of sound": RIFF + chunk(b"note", 9, b"abc"),
    "WAV of no known size": RIFF + chunk(b"data", 0xFFFFFFFF, b""),
    "RF64 of no known size": b"RF64----WAVE" + chunk(b"ds64", 28, bytes(28)) + chunk(b"data", 0xFFFFFFFF, b"true"),
    "AIFF without a chunk of sound": AIFF + chunk(b"NAME", 9, b"abc", "big"),
    "W64 without a chunk of sound": W64 + w64(b"fact", 99, b"abc"),
    "W64 of no known size": W64 + w64(b"data", 1 << 62, b"true"),
    "CAF of no known size": CAF + chunk(b"data", 0xFFFFFFFFFFFFFFFF, b"\x7f" * 20, "big", 8),
    "CAF and one byte": CAF + CAF_SOUND + b"x",
    "AVI and something else": AVI + AVI_SOUND + chunk(b"else", 9, b"abc"),
    "AVI and something else with a number": AVI + AVI_SOUND + chunk(b"1abc", 9, b"abc"),
    "MP4 and something else": FTYP + MDAT + (99).to_bytes(4, "big") + b"else",
    "MP4 and zeros": FTYP + MDAT + bytes(7),
    "MP4 up to the end": FTYP + bytes(4) + b"mdattrue",
    "MP4 with a box smaller than its header": FTYP + b"\0\0\0\7free" + MDAT[:-1],
    "MP4 with a long box smaller than its header": FTYP + b"\0\0\0\1free" + (15).to_bytes(8, "big") + MDAT[:-1],
    "ASF from a broadcast": asf(ASF_SOUND[:-1], flags=3),
    "ASF without properties": asf_part("header", bytes(200)) + ASF_SOUND[:-1],
    "ASF with properties in its sound": asf_part("header", ASF_COUNT) + asf_part("sound", asf_properties(2))[:-1],
    "ASF and something else": asf(ASF_SOUND) + chunk(b"else" * 4, 99, b"", size_bytes=8),
    "ASF with a part smaller than its header": asf(ASF_SOUND, chunk(ASF_SOUND[:16], 23, b"", size_bytes=8)),
}


@pytest.mark.parametrize("data", CUT.values(), ids=CUT)
def test_a_promise_that_is_not_kept(data):
    assert share(data) == 1.0


@pytest.mark.parametrize("data", NOT_CUT.values(), ids=NOT_CUT)
def test_nothing_was_promised(data):
    assert share(data) is None


MP3_FRAME = bytes.fromhex("fffb9000").ljust(417, b"\0")


@pytest.mark.parametrize(
    ("data", "start", "is_another"),
    [
        (b"..OggS", 2, True),
        (b"..OggS", 3, False),
        (MP3_FRAME * 4, 417, True),
        (MP3_FRAME * 3, 417, False),
        (b"x" * 99, 0, False),
    ],
)
def test_another_link_begins_with_a_page_or_with_frames(data, start, is_another):
    assert has_another_link(io.BytesIO(data), start) is is_another


class Failing(io.BytesIO):
    """A file on a disk that fails."""

    def read(self, size: int | None = -1) -> bytes:
        raise OSError


class Empty(io.BytesIO):
    """A file that lost its bytes after its size was taken."""

    def read(self, size: int | None = -1) -> bytes:
        return b""


def test_what_cannot_be_read_has_no_further_link_and_is_damaged_only_if_it_shrank(monkeypatch):
    data = MP3_FRAME * 4
    for file, damage in ((Failing(data), None), (Empty(data), 1.0)):
        assert (share_before_damage(file), has_another_link(file, 0)) == (damage, False)
    monkeypatch.setattr(reader, "MAX_READS", 1)
    assert (share(data), has_another_link(io.BytesIO(data), 0)) == (None, False)
