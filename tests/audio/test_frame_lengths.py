"""The lengths of frames in formats that are nothing but frames: those of FFmpeg's parsers and of the standard."""

from __future__ import annotations

import io
from itertools import product

import av
import pytest

from kikitori.audio.containers import reader, share_before_damage
from kikitori.audio.containers.frames import adts_length, mpeg_length

AMR_BITS = (95, 103, 118, 134, 148, 159, 204, 244, 39)
AMR_WB_BITS = (132, 177, 253, 285, 317, 365, 397, 461, 477, 40)
"""By mode, RFC 4867 section 3.6 and 3GPP TS 26.101 and 26.201. Higher modes have no bits."""


@pytest.fixture(autouse=True)
def few_reads(monkeypatch):
    """A reader that goes round in circles ends soon."""
    monkeypatch.setattr(reader, "MAX_READS", 1000)


def lengths_by_ffmpeg(codec: str, data: bytes) -> list[int]:
    parser = av.CodecContext.create(codec, "r")
    return [packet.size for part in (data, b"") for packet in parser.parse(part)]


@pytest.mark.parametrize("version", [0, 2, 3], ids=["MPEG-2.5", "MPEG-2", "MPEG-1"])
@pytest.mark.parametrize("layer", [1, 2, 3], ids=["III", "II", "I"])
def test_an_mpeg_frame_has_the_length_that_ffmpeg_finds(version, layer):
    for bit_rate, rate, padding in product(range(1, 15), range(3), range(2)):
        head = bytes([0xFF, 0xE1 | version << 3 | layer << 1, bit_rate << 4 | rate << 2 | padding << 1, 0])
        length = mpeg_length(head + bytes(2))
        assert lengths_by_ffmpeg("mp3", (head + bytes(length - 4)) * 3) == [length] * 3


@pytest.mark.parametrize(
    "head",
    ["fffb9c", "fffb00", "fffbf0", "fff990", "ffeb90", "ffdb90", "fefb90"],
    ids=["rate", "free bit rate", "bit rate", "layer", "version", "second byte", "first byte"],
)
def test_what_is_no_mpeg_frame_has_no_length(head):
    assert mpeg_length(bytes.fromhex(head) + bytes(3)) is None
    assert mpeg_length(bytes.fromhex("fffb90") + bytes(3)) == 417
    assert mpeg_length(bytes.fromhex("fffb90") + bytes(2)) is None  # cut off


@pytest.mark.parametrize("head", ["fff1504000df", "fff7504000ff", "fef1504000ff", "ffe1504000ff", "fff1504000"])
def test_what_is_no_aac_frame_has_no_length(head):
    """Shorter than its header, another layer, other marks, and a header that is cut off."""
    assert adts_length(bytes.fromhex(head)) is None


@pytest.mark.parametrize("length", [7, 8, 63, 64, 2047, 2048, 6143, 8191])
def test_an_aac_frame_has_the_length_that_ffmpeg_finds(length):
    head = bytes([0xFF, 0xF1, 0x50, 0x40 | length >> 11, length >> 3 & 0xFF, length << 5 & 0xFF, 0])
    assert adts_length(head[:6]) == length
    assert lengths_by_ffmpeg("aac", (head + bytes(length - 7)) * 3) == [length] * 3


@pytest.mark.parametrize(
    ("mark", "bits"), [(b"#!AMR\n", AMR_BITS), (b"#!AMR-WB\n", AMR_WB_BITS)], ids=["AMR", "AMR-WB"]
)
def test_amr_frames_have_the_length_of_their_mode(mark, bits):
    for mode in range(16):
        frame = bytes([mode << 3 | 4]).ljust(1 + (bits[mode] + 7) // 8 if mode < len(bits) else 1, b"\0")
        whole = mark + frame * 3 + bytes([4]).ljust(1 + (bits[0] + 7) // 8, b"\0")
        assert share_before_damage(io.BytesIO(whole)) is None
        assert share_before_damage(io.BytesIO(whole[:-1])) == 1.0
        assert share_before_damage(io.BytesIO(mark + frame)) is None
