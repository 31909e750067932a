"""Bytes that were changed: the damage is found, and its time."""

from __future__ import annotations

import io

import pytest

from benchmarks.damage import read
from kikitori.audio.containers import share_before_damage
from kikitori.audio.files import load_audio
from kikitori.errors import DamagedError
from tests.support.damage import data_of


@pytest.mark.parametrize("name", ["FLAC", "Ogg Vorbis", "Ogg Opus", "Ogg FLAC"])
def test_a_changed_byte_is_damage_where_the_format_has_checksums(tmp_path, name):
    data = bytearray(data_of(name))
    data[len(data) * 2 // 3] ^= 0x55
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        load_audio(path)
    assert caught.value.seconds == pytest.approx(2, abs=1.5)
    assert read(path).seconds > 1.9  # what follows is read too


def test_the_first_frame_of_a_flac_may_be_the_damaged_one(tmp_path):
    data = bytearray(data_of("FLAC"))
    data[data.index(b"\xff\xf8") + 100] ^= 0x55
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(DamagedError, match="is damaged after 0 s"):
        load_audio(tmp_path / "file")


def test_the_time_of_a_changed_byte_in_a_chained_ogg(tmp_path):
    data = bytearray(data_of("Ogg Opus, chained"))
    data[len(data) * 4 // 5] ^= 0x55
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        load_audio(tmp_path / "file")
    assert caught.value.seconds == pytest.approx(4, abs=0.1)


def ogg_page(granule: int, flags: int = 0, serial: bytes = b"abcd", is_right: bool = True) -> bytes:
    """A page of one byte, and its checksum by RFC 3533, bit for bit."""
    head = b"OggS\0" + bytes([flags]) + granule.to_bytes(8, "little", signed=True) + serial + bytes(4)
    checksum = 0
    for byte in head + bytes(4) + b"\1\1x":
        checksum ^= byte << 24
        for _ in range(8):
            checksum = checksum << 1 ^ (0x104C11DB7 if checksum >> 31 else 0)
    return head + (checksum ^ (not is_right)).to_bytes(4, "little") + b"\1\1x"


def share_of(*pages: bytes) -> float | None:
    return share_before_damage(io.BytesIO(b"".join(pages)))


def test_the_place_of_a_damaged_ogg_page():
    """It is a share of the sound in the other pages. A page in which no packet ends has the time -1."""
    first, between, last = ogg_page(100, 2), ogg_page(-1), ogg_page(400, 4)
    assert share_of(first, between, ogg_page(250), last) is None
    assert share_of(first, between, ogg_page(250, is_right=False), last) == 0.4
    assert share_of(first, between, ogg_page(250), ogg_page(400, 4, is_right=False)) == 1.0


@pytest.mark.parametrize("other", [b"Abcd", b"abcD"])
def test_each_stream_of_an_ogg_has_its_last_page(other):
    begun = ogg_page(0, 2), ogg_page(0, 2, other)
    assert share_of(*begun, ogg_page(-1, 4)) == 1.0
    assert share_of(*begun, ogg_page(-1, 4), b"something else", ogg_page(-1, 4, other)) is None


def test_what_follows_a_damaged_packet_is_read_too(tmp_path):
    data = bytearray(data_of("MPEG-TS"))
    middle = len(data) // 188 // 3
    for packet in range(middle, middle + 10):
        data[188 * packet + 1] |= 0x80  # the receiver's mark for a packet with errors
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(DamagedError) as caught:
        load_audio(tmp_path / "file")
    assert caught.value.seconds == pytest.approx(1, abs=0.3)
    assert read(tmp_path / "file").seconds == pytest.approx(3, abs=0.1)
