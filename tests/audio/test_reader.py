"""Reading short pieces of a file: always the file's own bytes, in whatever order they are asked for."""

from __future__ import annotations

import io
import random

import pytest

from kikitori.audio.containers import reader
from kikitori.audio.containers.reader import Reader, ShrunkError, TooManyPartsError

CONTENT = bytes(random.Random(1).randbytes(100))


@pytest.fixture(autouse=True)
def small_buffer(monkeypatch):
    monkeypatch.setattr(reader, "BUFFER_BYTES", 16)


def test_every_piece_is_the_files_own():
    rng = random.Random(2)
    read = Reader(io.BytesIO(CONTENT))
    for start in (0, *rng.choices(range(105), k=2000)):
        length = rng.randrange(17)
        assert read.at(start, length) == CONTENT[start : start + length]


def test_a_piece_behind_the_buffer_is_read_anew():
    file = io.BytesIO(CONTENT)
    read = Reader(file)
    read.at(20, 4)
    place = file.tell()
    read.at(20, 16)
    assert file.tell() == place  # all of it was in the buffer
    read.at(19, 1)
    assert file.tell() == 19 + 16


@pytest.mark.parametrize("place", range(96))
def test_a_mark_is_found_wherever_it_begins(place):
    content = bytes(place) + b"mark" + bytes(96 - place)
    read = Reader(io.BytesIO(content))
    assert read.find(b"mark", 0, 100) == place
    assert read.find(b"mark", place, place + 1) == place
    assert read.find(b"mark", 0, place) is None
    assert read.find(b"mark", place + 1, 100) is None


def test_the_work_is_bounded(monkeypatch):
    monkeypatch.setattr(reader, "MAX_READS", 3)
    read = Reader(io.BytesIO(CONTENT))
    for _ in range(3):
        read.at(0, 1)
    with pytest.raises(TooManyPartsError):
        read.at(0, 1)


def test_numbers_end_with_the_file():
    read = Reader(io.BytesIO(b"\x01\x02\x03"))
    assert (read.number(0, 2), read.number(0, 2, "little")) == (0x0102, 0x0201)
    assert (read.number(2, 2), read.number(3, 2)) == (0x0300, 0)


def test_a_file_that_has_become_shorter_is_noticed():
    file = io.BytesIO(CONTENT)
    read = Reader(file)
    file.truncate(50)
    assert read.at(40, 10) == CONTENT[40:50]
    with pytest.raises(ShrunkError):
        read.at(45, 6)
