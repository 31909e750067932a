"""A file that holds less than it promises is read as far as it goes and reported; a sound one is not."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import soundfile

from benchmarks.damage import FORMATS, Read, by_ffmpeg, read, read_cut
from benchmarks.served import ROOT
from kikitori.audio.containers import reader, share_before_damage
from kikitori.audio.files import SAMPLE_RATE, load_audio, stream_audio
from kikitori.errors import DamagedError
from tests.support.damage import data_of, read_data
from tests.support.sound_files import encode, two_tones

TOLERANCE_SECONDS = 0.5
"""Of what is read before a cut: the header takes some of the file, and the last packet is lost."""
PAGE_SECONDS = 1.2
"""The same for Ogg, whose encoders put a second into a page."""
INDEX_AT_END = {"M4A", "MOV", "3GP (AMR inside)"}
"""Nothing can be decoded without the index."""
WITHOUT_LENGTH = {"WAV from a pipe", "AIFF from a pipe", "AU from a pipe", "CAF from a pipe"}
"""Uncompressed sound that may end anywhere."""
UNNOTICED = {"AMR": 1, "WMA, broadcast": 9} | dict.fromkeys(WITHOUT_LENGTH, 31)
"""How many cuts are not noticed. AMR does not count its frames, and one cut falls between two of them. A broadcast does
not know its sizes, so only a cut in a packet that holds sound is noticed.
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_a_cut_file_is_read_up_to_the_cut_and_named_as_damaged(tmp_path, name):
    """31 cuts per container; those that are not named are the exceptions above."""
    data = data_of(name)
    whole = read_data(tmp_path, data)
    assert whole.outcome == "whole"
    tolerance = PAGE_SECONDS if name.startswith("Ogg") else TOLERANCE_SECONDS
    unnoticed = 0
    for length, result in read_cut(name, data, tmp_path):
        expected = whole.seconds * length / len(data)
        if result.outcome in ("damaged", "whole"):
            assert result.seconds == pytest.approx(expected, abs=tolerance)
            unnoticed += result.outcome == "whole"
        else:
            assert result.seconds == 0 and (expected < tolerance or name in INDEX_AT_END)
    if name in WITHOUT_LENGTH:  # some versions of FFmpeg notice a cut inside a sample
        assert unnoticed <= UNNOTICED[name]
    else:
        assert unnoticed == UNNOTICED.get(name, 0)


APE_ITEM = bytes([0, 16, 0, 0, 2, 0, 0, 0]) + b"Cover Art (Front)\0" + random.Random(0).randbytes(4096)
APE_TAG = APE_ITEM + b"APETAGEX" + (2000).to_bytes(4, "little") + (len(APE_ITEM) + 32).to_bytes(4, "little") + bytes(16)
ID3V1_TAG = b"TAG" + bytes(125)
ID3V2_TAG = b"ID3\x04\0\0\0\0\x20\0" + random.Random(1).randbytes(4096)
LYRICS_TAG = b"LYRICSBEGIN" + b"LYR00005words" + b"000024LYRICS200"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        *(("MP3", b"", tag) for tag in (ID3V1_TAG, APE_TAG, APE_TAG + ID3V1_TAG, LYRICS_TAG + ID3V1_TAG, bytes(5000))),
        *(("MP3 without a frame count", b"", tag) for tag in (ID3V1_TAG, APE_TAG, ID3V2_TAG, b"\xff" * 5000)),
        *((name, ID3V2_TAG, ID3V1_TAG) for name in ("MP3", "MP3 (FFmpeg)", "AAC")),
        *((name, b"", ID3V1_TAG) for name in ("Ogg Opus", "WebM", "WebM, live", "M4A, index first", "FLV")),
        *((name, b"", b"x" * 999) for name in ("WMA", "WebM", "M4A, index first", "AVI")),
        *((name, b"", bytes(999)) for name in ("WAV", "AIFF", "CAF", "AVI", "MP4 in fragments", "MPEG-PS")),
        *(("WebM, live", b"", after) for after in (bytes(1), bytes(10), b"\xec\0", b"\xec\0" + bytes(10), b"\xe7\xff")),
    ],
)
def test_what_stands_before_or_behind_the_sound_is_no_damage(tmp_path, name, before, after):
    data = data_of(name)
    assert read_data(tmp_path, before + data + after) == read_data(tmp_path, data)


@pytest.mark.parametrize(
    "name", ["MP3", "MP3 (FFmpeg)", "MP3 without a frame count", "AAC", "Ogg Vorbis", "WebM", "MPEG-TS", "MPEG-PS"]
)
def test_joined_files_are_whole(tmp_path, name):
    data = data_of(name)
    once, joined = read_data(tmp_path, data), read_data(tmp_path, data + data)
    assert joined.outcome == "whole"
    assert joined.seconds == pytest.approx(2 * once.seconds, abs=0.1)


def test_the_second_of_joined_files_may_be_the_one_that_is_cut(tmp_path):
    for name in ("MP3", "MP3 (FFmpeg)", "Ogg Vorbis"):  # FFmpeg puts a tag before the second one
        data = data_of(name)
        result = read_data(tmp_path, data + data[: len(data) // 2 + 5])
        assert result.outcome == "damaged"
        assert result.seconds == pytest.approx(4.5, abs=PAGE_SECONDS)


def with_size(data: bytes, start: int, order: str, claimed: int) -> bytes:
    return data[:start] + claimed.to_bytes(4, order) + data[start + 4 :]


@pytest.mark.parametrize(
    ("claimed", "outcome"),
    [
        *(
            (claimed, "whole")
            for claimed in (0, 0x7F000000, 0x7FFFF000, 0x7FFFFFDB, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF)
        ),
        *((claimed, "damaged") for claimed in (0x7E000000, 0x7F100000, 0x80001000, 0xFFF00000)),
    ],
)
@pytest.mark.parametrize(("name", "mark", "order"), [("WAV", b"data", "little"), ("AIFF", b"SSND", "big")])
def test_a_header_that_was_never_finished_promises_nothing(tmp_path, name, mark, order, claimed, outcome):
    """Any other size than those that programs write to a pipe is one that the file lacks."""
    data = data_of(name)
    result = read_data(tmp_path, with_size(data, data.index(mark) + 4, order, claimed))
    assert (result.seconds, result.outcome) == (3.0, outcome)


def test_an_au_that_claims_gigabytes_is_damaged_unless_its_size_is_unknown(tmp_path):
    for claimed, outcome in ((0xFFFFFFFF, "whole"), (0x7E000000, "damaged")):
        assert read_data(tmp_path, with_size(data_of("AU"), 8, "big", claimed)) == Read(3.0, outcome)


def between_frames(data: bytes, mark: bytes) -> bytes:
    """What stands before a frame near the end, whose first bytes are given."""
    return data[: data.rindex(mark, 0, len(data) * 9 // 10)]


@pytest.mark.parametrize(("rate", "channels", "mark"), [(44100, 1, 0xFFFB), (44100, 2, 0xFFFB), (16000, 1, 0xFFF3)])
def test_an_mp3_that_ends_between_two_frames_has_less_than_it_counts(tmp_path, rate, channels, mark):
    """MPEG-1 in mono and stereo, and MPEG-2: the count is in another place each time."""
    tones = np.repeat(two_tones(rate, 3.0)[:, None], channels, axis=1)
    data = encode(tmp_path / "clip.mp3", tones, rate).read_bytes()
    assert read_data(tmp_path, data).outcome == "whole"
    assert read_data(tmp_path, between_frames(data, mark.to_bytes(2, "big"))).outcome == "damaged"


def test_frames_are_counted_as_fraunhofers_header_says(tmp_path):
    data = data_of("MP3 without a frame count")
    start = data.index(b"\xff\xfb")
    length = data.index(b"\xff\xfb", start + 4) - start
    frames = (len(data) - start) // length
    for counted, outcome in ((frames, "whole"), (frames + 9, "damaged")):
        header = data[start : start + 4] + bytes(32) + b"VBRI" + bytes(10) + counted.to_bytes(4, "big")
        counting = data[:start] + header.ljust(length, b"\0") + data[start:]
        assert read_data(tmp_path, counting).outcome == outcome


@pytest.mark.parametrize(("name", "mark"), [("FLAC", b"\xff\xf8"), ("Ogg Opus", b"OggS"), ("Ogg FLAC", b"OggS")])
def test_a_file_that_ends_between_two_frames_or_pages_is_damaged(tmp_path, name, mark):
    assert read_data(tmp_path, between_frames(data_of(name), mark)).outcome == "damaged"


@pytest.mark.parametrize(("name", "mark"), [("MP3 without a frame count", b"\xff\xfb"), ("AAC", b"\xff\xf1")])
@pytest.mark.parametrize("length", [1, 3])
def test_a_file_that_ends_in_the_header_of_a_frame_is_damaged(tmp_path, name, mark, length):
    whole = data_of(name)
    data = between_frames(whole, mark)
    assert read_data(tmp_path, data).outcome == "whole"
    assert read_data(tmp_path, whole[: len(data) + length]).outcome == "damaged"


def test_a_live_avi_that_ends_in_the_header_of_a_chunk_is_damaged(tmp_path):
    data = between_frames(by_ffmpeg("avi", "libmp3lame", is_piped=True), b"00wb")
    assert read_data(tmp_path, data).outcome == "whole"
    assert read_data(tmp_path, data + b"00wb").outcome == "damaged"


LIVE_WEBM = bytes.fromhex("1a45dfa3 80 18538067 01ffffffffffffff 1f43b675 ff")
"""As browsers record: neither the segment nor its cluster has a size."""
ELEMENTS = "e7 a3 a0 a7 ab 5854 ec bf 1a45dfa3 114d9b74 1549a966 1654ae6b 1c53bb6b 1254c367 1941a469 1043a770".split()
"""RFC 9559, section 5: the parts of a cluster, those of any element, and those of a segment."""


@pytest.mark.parametrize("kind", ELEMENTS)
def test_each_element_of_a_live_webm_must_fit(kind):
    element = bytes.fromhex(kind) + b"\x84data"
    data = LIVE_WEBM + element + LIVE_WEBM[-5:] + element
    assert share_before_damage(io.BytesIO(data)) is None
    assert all(share_before_damage(io.BytesIO(data[:-missing])) == 1.0 for missing in (1, 4))


@pytest.mark.parametrize("length", [1, 4, 5, 11])
def test_a_webm_that_ends_in_the_header_of_a_cluster_is_damaged(tmp_path, length):
    """Its length is a number of eight bytes."""
    header = bytes.fromhex("1f43b675 01000000000000ff")
    assert read_data(tmp_path, data_of("WebM, live") + header[:length]).outcome == "damaged"


def test_an_flv_that_ends_between_two_tags_is_shorter_than_it_says(tmp_path):
    for name, outcome in (("FLV", "damaged"), ("FLV, live", "whole")):
        data = data_of(name)
        last = int.from_bytes(data[-4:], "big") + 4
        assert read_data(tmp_path, data[:-last]).outcome == outcome


def test_a_short_last_packet_is_no_damage(tmp_path):
    """FFmpeg marks it as damaged, because the header of a WAV from a pipe does not say where the sound ends."""
    data = by_ffmpeg("wav", "mp2", is_piped=True)
    result = read_data(tmp_path, data)
    assert result.outcome == "whole" and result.seconds == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(("suffix", "is_piped"), [(".wav", False), (".wav", True), (".mp3", False), (".mkv", False)])
def test_a_file_that_shrinks_while_it_is_read_is_damaged(tmp_path, suffix, is_piped):
    """is_piped: the header does not say how long the file is."""
    path = encode(tmp_path / f"clip{suffix}", two_tones(SAMPLE_RATE, 60.0), SAMPLE_RATE)
    if is_piped:
        data = path.read_bytes()
        path.write_bytes(data[:40] + b"\xff" * 4 + data[44:])
    blocks = stream_audio(path)
    samples = len(next(blocks))
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(DamagedError) as caught:
        for block in blocks:
            samples += len(block)
    assert samples / SAMPLE_RATE == pytest.approx(caught.value.seconds, abs=1)
    assert 25 < caught.value.seconds < 40


TINY_PARTS = {
    "chunks": b"RIFF\0\0\0\0WAVE" + b"JUNK\0\0\0\0" * 9000,
    "lists": b"RIFF\0\0\0\0AVI " + b"LIST\0\0\0\0movi" * 9000,
    "boxes": b"\0\0\0\x08ftyp" + b"\0\0\0\x08free" * 9000,
    "elements": b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff" + b"\xec\x80" * 9000,
    "pages": b"OggS" * 9000,
    "frames": b"#!AMR\n" + b"\x7c" * 9000,
    "sync": b"\xff" * 9000,
}


@pytest.mark.parametrize("data", TINY_PARTS.values(), ids=TINY_PARTS)
def test_work_is_bounded_for_a_file_of_tiny_parts(tmp_path, monkeypatch, data):
    monkeypatch.setattr(reader, "MAX_READS", 1000)
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb", buffering=0) as file:
        assert share_before_damage(file) in (None, 0.0)


@pytest.mark.parametrize("name", FORMATS)
def test_headers_of_random_bytes_raise_nothing(tmp_path, name):
    """The marks of the container stay; what follows them is random."""
    draw = random.Random(name)
    for keep in (4, 12, 16, 64):
        (tmp_path / "file").write_bytes(data_of(name)[:keep] + draw.randbytes(4096))
        with (tmp_path / "file").open("rb", buffering=0) as file:
            assert share_before_damage(file) in (None, 1.0) or name.startswith("Ogg")


def test_the_time_of_damage_is_the_end_of_a_cut_file(tmp_path):
    path = tmp_path / "clip.wav"
    soundfile.write(path, np.tile(two_tones(SAMPLE_RATE), 2), SAMPLE_RATE)
    data = path.read_bytes()
    path.write_bytes(data[: 44 + 2 * 3 * SAMPLE_RATE])
    with pytest.raises(DamagedError, match=r"clip.wav is damaged after 3 s: export it again or cut it there") as caught:
        load_audio(path)
    assert caught.value.seconds == 3


def test_the_documented_table_has_every_container():
    rows = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").splitlines()
    named = [row.split(" | ")[0].removeprefix("| ") for row in rows if row.startswith("| ") and " | 31 | " in row]
    assert [name for name in named if name in FORMATS] == list(FORMATS)
    assert set(named) - set(FORMATS) <= {"AMR", "3GP (AMR inside)"}  # not every PyAV can write these


class Shrunk(io.BytesIO):
    """A file that lost its second half after its size was taken."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(offset, whence) * (2 if whence == io.SEEK_END else 1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_container_that_shrinks_while_it_is_looked_at_is_damaged(name):
    """The reader meets the end at a place where it expects a header, or in the middle of one."""
    data = data_of(name)
    for length in (len(data) // 2, len(data) // 2 + 1, 3000, 301):
        assert share_before_damage(Shrunk(data[:length])) in (None, 1.0)
    assert share_before_damage(Shrunk(data_of("AAC")[:6000])) == 1.0


@pytest.mark.parametrize(("suffix", "endian"), [("wav", "BIG"), ("au", "LITTLE")])
def test_the_less_usual_byte_order_is_read(tmp_path, suffix, endian):
    path = tmp_path / f"file.{suffix}"
    soundfile.write(path, np.sin(np.arange(32000) / 20), 16000, format=suffix, subtype="PCM_16", endian=endian)
    assert read(path).outcome == "whole"
    path.write_bytes(path.read_bytes()[:40000])
    result = read(path)
    assert result.outcome == "damaged" and result.seconds == pytest.approx(1.25, abs=0.01)
