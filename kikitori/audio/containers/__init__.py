"""Does a file end before its container says that it does?

Only headers and sizes are read, never the sound. A file that does not say where it ends (one written to a pipe, a live
stream) is not cut off; nor is one with something else behind its sound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from kikitori.audio.containers import chunks, frames, matroska, ogg
from kikitori.audio.containers.reader import Reader, ShrunkError, TooManyPartsError

__all__ = ["has_another_link", "share_before_damage"]

READERS: tuple[tuple[int, bytes, Callable[[Reader], bool]], ...] = (
    (8, b"WAVE", chunks.is_wav_cut),
    (8, b"AVI ", chunks.is_avi_cut),
    (8, b"AIFF", chunks.is_aiff_cut),
    (8, b"AIFC", chunks.is_aiff_cut),
    (0, b"riff", chunks.is_w64_cut),
    (0, b"caff", chunks.is_caf_cut),
    (0, b".snd", chunks.is_au_cut),
    (0, chunks.AU_LITTLE_ENDIAN, chunks.is_au_cut),
    (0, chunks.ASF_HEADER, chunks.is_asf_cut),
    (4, b"ftyp", chunks.is_mp4_cut),
    (4, b"moov", chunks.is_mp4_cut),
    (4, b"mdat", chunks.is_mp4_cut),
    (4, b"wide", chunks.is_mp4_cut),
    (0, b"\x1a\x45\xdf\xa3", matroska.is_matroska_cut),
    (0, b"OggS", ogg.is_ogg_cut),
    (0, b"FLV\x01", frames.is_flv_cut),
    (0, b"#!AMR", frames.is_amr_cut),
    (0, b"\x00\x00\x01\xba", frames.is_program_stream_cut),
)
"""Where a container's mark is, the mark, and the function that reads the container."""


def share_before_damage(file: BinaryIO) -> float | None:
    """How much of a file's sound comes before damage, 0 to 1: 1 if the file is cut off; None if no damage is found.

    file: open, unbuffered, seekable; its position changes. FLAC is not looked at: its decoder reports damage itself.
    """
    reader = Reader(file)
    try:
        if reader.at(0, 4) == b"OggS" and (share := ogg.share_before_bad_page(reader)) is not None:
            return share
        return 1.0 if _is_cut(reader) else None
    except ShrunkError:
        return 1.0
    except (TooManyPartsError, OSError):
        return None


def has_another_link(file: BinaryIO, start: int) -> bool:
    """Whether more sound of a joined MP3 or a chained Ogg begins in the rest of a file. Moves the file's position."""
    reader = Reader(file)
    try:
        return reader.find(b"OggS", start, reader.size) is not None or frames.has_mpeg_frames(reader, start)
    except (TooManyPartsError, ShrunkError, OSError):
        return False


def _is_cut(reader: Reader) -> bool:
    head = reader.at(0, 16)
    for offset, mark, is_cut in READERS:
        if head[offset : offset + len(mark)] == mark:
            return is_cut(reader)
    if packet := frames.transport_packet_size(reader):
        return reader.size % packet > 0
    return frames.is_mpeg_audio_cut(reader)
