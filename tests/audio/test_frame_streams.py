"""Streams of frames, written byte by byte: each is whole if its last frame fits and no counted one is missing."""

from __future__ import annotations

import io
import struct

import pytest

from kikitori.audio.containers import reader, share_before_damage
from kikitori.audio.containers.frames import mpeg_length


@pytest.fixture(autouse=True)
def few_reads(monkeypatch):
    """A reader that goes round in circles ends soon."""
    monkeypatch.setattr(reader, "MAX_READS", 1000)


def share(data: bytes) -> float | None:
    return share_before_damage(io.BytesIO(data))


def are_noticed(data: bytes) -> bool:
    """Whether a stream is whole, and cut off without its last byte."""
    return share(data) is None and share(data[:-1]) == 1.0


def mp3_frame(head: str = "fffb9000", content: bytes = b"") -> bytes:
    start = bytes.fromhex(head) + content
    return start.ljust(mpeg_length(start.ljust(6, b"\0")), b"\0")


def counting(frames: int, head: str = "fffb9000", before: int = 32, mark: bytes = b"Info", flags: int = 15) -> bytes:
    """A first frame as LAME writes it. before: bytes of the frame's side information."""
    return mp3_frame(head, bytes(before) + mark + bytes([0, 0, 0, flags]) + frames.to_bytes(4, "big"))


def id3(content: bytes, flags: int = 0) -> bytes:
    size = bytes(len(content) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0" + bytes([flags]) + size + content + (b"3DI".ljust(10) if flags & 0x10 else b"")


MP3 = mp3_frame() * 3
AAC = bytes.fromhex("fff150401000fc").ljust(128, b"\0") * 3
RECORDING_IN_A_TAG = counting(1 << 24) * 40

# MP3 and AAC


TAGS = id3(b"words"), id3(b"words") * 2


@pytest.mark.parametrize("frames", [MP3, AAC], ids=["MP3", "AAC"])
@pytest.mark.parametrize("between", [b"", b"x", b"x" * 10, b"\xff" * 10, b"\xff" * 11, *TAGS])
def test_frames_go_on_behind_a_tag_or_anything_else(frames, between):
    assert are_noticed(frames + between + frames)
    assert share(frames + between) is None
    if frames is MP3 or between in TAGS:
        assert are_noticed(between + frames)


@pytest.mark.parametrize("flags", [0, 0x10], ids=["", "with a footer"])
def test_a_recording_in_a_tag_is_not_the_files_own(flags):
    tag = id3(RECORDING_IN_A_TAG, flags)
    assert are_noticed(tag + counting(3) + MP3)
    assert share(tag + counting(5) + MP3) == 1.0
    assert share(tag + tag + MP3) is None
    assert share(id3(RECORDING_IN_A_TAG.ljust((1 << 21) + 834, b"\0"), flags) + MP3) is None  # more than 2 MiB
    assert share(id3(RECORDING_IN_A_TAG[:4170]) + tag + MP3) is None


def test_two_frames_may_be_a_coincidence_and_three_are_none():
    assert share(b"x" + MP3[:-417] + MP3[:416]) == 1.0
    assert share(b"x" + MP3[:416] + MP3[:416]) is None
    assert share(b"x" + MP3[:417] + MP3[:416]) is None


def test_frames_are_searched_in_the_first_mebibyte():
    assert are_noticed(bytes((1 << 20) - 1) + MP3)
    assert share(bytes(1 << 20) + MP3[:-1]) is None
    assert are_noticed(id3(bytes(999)) + bytes((1 << 20) - 1) + MP3)


@pytest.mark.parametrize("frames", [MP3, AAC], ids=["MP3", "AAC"])
def test_a_stream_may_end_in_the_header_of_a_frame(frames):
    for length in range(1, 6):
        assert share(frames + frames[:length]) == 1.0
        assert share(frames + b"x" * length) is None
    assert share(frames + b"\xff" + b"x" * 5) is None
    assert share(frames + b"ID3") is None


@pytest.mark.parametrize("mark", [b"Info", b"Xing"])
@pytest.mark.parametrize(
    ("head", "before"),
    [
        *(("fffb9000", 32), ("fffb9040", 32), ("fffb9080", 32), ("fffb90c0", 17)),
        *(("fff39000", 17), ("fff390c0", 9), ("ffe39000", 17), ("ffe390c0", 9)),
    ],
    ids=["MPEG-1", "joint", "dual", "mono", "MPEG-2", "MPEG-2 mono", "MPEG-2.5", "MPEG-2.5 mono"],
)
def test_no_frame_that_was_counted_may_be_missing(mark, head, before):
    frames = mp3_frame(head) * 3
    assert share(counting(4, head, before, mark) + frames) is None
    for count in (5, 256, 1 << 16, 1 << 24):
        assert share(counting(count, head, before, mark) + frames) == 1.0
    assert share(counting(4, head, before, mark) + frames + b"x") is None
    assert share(counting(5, head, before, mark) + frames + b"x") == 1.0
    assert share(counting(5, head, before, mark, flags=1) + frames) == 1.0
    assert share(counting(5, head, before, mark, flags=14) + frames) is None  # there is no count
    assert share(counting(5, head, before, b"????") + frames) is None


def test_no_frame_that_fraunhofers_encoder_counted_may_be_missing():
    for count, outcome in ((4, None), (5, 1.0), (256, 1.0), (1 << 16, 1.0), (1 << 24, 1.0)):
        assert share(mp3_frame(content=bytes(32) + b"VBRI" + b"\1" * 10 + count.to_bytes(4, "big")) + MP3) == outcome


def test_aac_frames_are_not_counted():
    assert share(AAC[:21] + b"Xing" + bytes([0, 0, 0, 1, 0, 0, 0, 99]) + AAC[33:]) is None


def test_an_amr_of_several_channels_is_not_looked_at():
    assert share(b"#!AMR_MC1.0\n" + bytes(5)) is None


# Flash video


def flv(*tags: bytes, header: int = 9) -> bytes:
    return b"FLV\x01\x05" + header.to_bytes(4, "big") + bytes(header - 9 + 4) + b"".join(tags)


def flv_tag(kind: int, content: bytes) -> bytes:
    size = 11 + len(content)
    return bytes([kind]) + len(content).to_bytes(3, "big") + bytes(7) + content + size.to_bytes(4, "big")


def flv_size(size: float) -> bytes:
    return flv_tag(18, b"\x02\0\x0aonMetaData\x08\0\0\0\x02\0\x08filesize\0" + struct.pack(">d", size) + b"\0\0\x09")


FLV_SOUND = flv_tag(8, bytes(300))


@pytest.mark.parametrize("kind", [8, 9, 18, 8 | 0x20], ids=["sound", "picture", "data", "encrypted sound"])
def test_each_tag_of_an_flv_must_fit(kind):
    for header in (9, 13):
        assert are_noticed(flv(flv_tag(kind, bytes(70000)), FLV_SOUND, flv_tag(kind, b"x"), header=header))


def test_an_flv_is_as_long_as_it_says_and_may_be_longer():
    size = len(flv(flv_size(0), FLV_SOUND))
    for claimed, outcome in ((0, None), (size, None), (size + 1, 1.0), (1e12, 1.0)):
        assert share(flv(flv_size(claimed), FLV_SOUND)) == outcome
    assert share(flv(flv_size(size))[:-12]) == 1.0  # in the middle of the number
    assert share(flv(FLV_SOUND, flv_tag(10, bytes(99)))[:-1]) is None  # something else


# MPEG's streams


@pytest.mark.parametrize(("before", "after"), [(0, 0), (4, 0), (0, 16)], ids=["188", "192", "204"])
def test_a_transport_stream_consists_of_whole_packets(before, after):
    packet = bytes(before) + b"\x47" + bytes(187 + after)
    assert are_noticed(packet * 5) and are_noticed(packet * 9)
    assert share(packet * 5 + packet[:1]) == 1.0
    assert share(packet * 4 + b"x" * 99) is None


def pack(stuffing: int = 0) -> bytes:
    return bytes.fromhex("000001ba440000000000000000") + bytes([0xF8 | stuffing]) + b"\xff" * stuffing


def packet(length: int) -> bytes:
    return b"\0\0\1\xc0" + length.to_bytes(2, "big") + bytes(length)


OLD_PACK, PACKETS_END = bytes.fromhex("000001ba2100000000000000"), b"\0\0\1\xb9"


@pytest.mark.parametrize("begin", [pack(), pack(1), pack(7), OLD_PACK], ids=["", "stuffed", "filled", "MPEG-1"])
def test_each_packet_of_a_program_stream_must_fit(begin):
    assert are_noticed(begin + packet(300) + begin + packet(1))
    assert are_noticed(begin + packet(0) + PACKETS_END + begin + packet(9))
    assert share(begin + packet(0)) is None
    for length in range(1, len(begin)):
        assert share(begin + packet(9) + begin[:length]) == 1.0


def test_a_program_stream_ends_with_its_mark_or_with_something_else():
    stream = pack() + packet(9)
    assert share(stream + PACKETS_END) is None
    assert share(stream + PACKETS_END + b"x" * 9) is None
    assert share(stream + b"x" * 9) is None
    for length in range(1, 6):
        assert share(stream + packet(9)[:length]) == 1.0
