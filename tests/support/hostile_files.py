"""More than 500 hostile files, the same ones every time, each with its expected result."""

from __future__ import annotations

import os
import random
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tests.support.sound_files import AV_CODECS, SOUNDFILE, encode, encode_silent_film, two_tones

RATE = 48000
"""Every codec takes it."""
MAX_SECONDS = 600.0
"""The limit for reading. Ten minutes keep decompression bombs short."""
SUFFIXES = (*SOUNDFILE, *AV_CODECS, ".aiff", ".caf")

SOUND = "sound"
"""The file is read and can hold speech."""
REFUSED = "is damaged after|cannot be decoded|without samples|has no audio track"
"""The file is not read, or not to its end."""
EITHER = "sound or refused"
"""The format can't tell: the result depends on which byte was changed."""


@dataclass(frozen=True)
class HostileFile:
    """A file and its expected result: SOUND, EITHER, or a pattern that the error matches."""

    path: Path
    outcome: str


def hostile_files(folder: Path) -> list[HostileFile]:
    """Write all files to an empty folder, each group to a folder of its own."""
    made = []
    for group in GROUPS:
        (folder / group.__name__).mkdir(parents=True)
        made += [HostileFile(path, outcome) for path, outcome in group(folder / group.__name__)]
    return made


Made = Iterator[tuple[Path, str]]


def without_content(folder: Path) -> Made:
    """Empty files, and files that end in their header."""
    for suffix in SUFFIXES:
        yield write(folder / f"empty{suffix}", b""), "is empty"
        whole = clip(folder / f"whole{suffix}").read_bytes()
        for length in (1, 4, 12, 60):
            yield write(folder / f"first {length}{suffix}", whole[:length]), "^first "
    for suffix in SOUNDFILE:
        yield encode(folder / f"no samples{suffix}", np.zeros(0, np.float32), RATE), "^no samples"


def cut_in_the_middle(folder: Path) -> Made:
    """Every container, cut at a tenth, a quarter, and so on."""
    for suffix in SUFFIXES:
        data = clip(folder / f"whole{suffix}").read_bytes()
        for percent in (10, 25, 50, 75, 90, 99):
            yield write(folder / f"{percent} percent{suffix}", data[: len(data) * percent // 100]), REFUSED
        is_readable = suffix in (".mp3", ".aac")  # formats without a header
        second = write(folder / f"its second half{suffix}", data[len(data) // 2 :])
        yield second, SOUND if is_readable else "cannot be decoded"


def flipped_bytes(folder: Path) -> Made:
    """Every container with bytes changed: in its header, or in its sound."""
    for suffix in SUFFIXES:
        data = clip(folder / f"whole{suffix}").read_bytes()
        for seed in range(6):
            draw = random.Random(f"{suffix} {seed}")
            start, end = (len(data) // 4, len(data) // 2) if seed % 2 else (0, 200)
            changed = data[:start] + mutate(data[start:end], draw, 1 << seed) + data[end:]
            outcome = FLIPPED_SOUND.get(suffix, EITHER) if seed % 2 else FLIPPED_HEADER.get(suffix, EITHER)
            yield write(folder / f"flipped {seed}{suffix}", changed), outcome


FLIPPED_SOUND = dict.fromkeys((".wav", ".aiff", ".caf", ".mov", ".mp3"), SOUND)
"""Any sample is a sample. Frames of MP3 have no checksum."""
FLIPPED_SOUND |= dict.fromkeys((".flac", ".ogg", ".opus", ".aac"), REFUSED)
"""These have checksums; each frame of AAC begins with its length."""
FLIPPED_HEADER = dict.fromkeys((".ogg", ".opus", ".aac"), REFUSED) | {".mp3": SOUND}
"""An MP3 is read from the next frame on. In the others, the byte may be one that nobody needs."""


def mutate(data: bytes, draw: random.Random, count: int) -> bytes:
    """Return the data with `count` of its bytes replaced."""
    changed = bytearray(data)
    for _ in range(count):
        changed[draw.randrange(len(changed))] ^= draw.randrange(1, 256)
    return bytes(changed)


def other_content(folder: Path) -> Made:
    """Other content under a recording's name."""
    noise = random.Random(0).randbytes(20_000)
    contents = {
        "text": b"Bom dia. " * 500,
        "japanese text": "もしもし。".encode() * 500,
        "page": b"<!DOCTYPE html><html><body><audio src='http://127.0.0.1:9/a.wav'></audio></body></html>",
        "table": b"start,end,text\n0,1,ola\n" * 200,
        "script": b"#!/bin/sh\nrm -rf /\n",
        "picture": picture(),
        "random": noise,
        "zeros": bytes(20_000),
        "ones": b"\xff" * 20_000,
        "one byte": b"R",
        "riff without content": b"RIFF" + struct.pack("<I", 4) + b"WAVE",
        "playlist": b"#EXTM3U\n#EXTINF:2,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "joined list": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        "session": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nOla\n\n",
        "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtin\x94.",
        "large file pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    }
    for name, content in contents.items():
        outcome = "cannot be decoded" if content is noise else "cannot be decoded|has no audio track"
        for suffix in (".wav", ".mp3", ".mp4", ".flac"):
            yield write(folder / f"{name}{suffix}", content), outcome
    with zipfile.ZipFile(folder / "archive.wav", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(10_000_000))
    yield folder / "archive.wav", "cannot be decoded"
    for suffix in (".mp4", ".mov", ".mkv", ".avi", ".mpg"):
        yield encode_silent_film(folder / f"film without sound{suffix}"), "has no audio track"


def sample_formats(folder: Path) -> Made:
    """All sample formats of libsndfile, and samples that are not ordinary numbers."""
    for container in ("WAV", "AIFF", "CAF", "AU", "W64", "RF64", "FLAC"):
        for subtype in soundfile.available_subtypes(container):
            path = folder / f"{container} {subtype}.wav"
            sound, rate = two_tones(8000), 8000
            try:
                soundfile.write(path, sound, rate, subtype, format=container)
            except soundfile.LibsndfileError:
                continue  # G.721 and similar formats need another number of channels or another rate
            yield path, "cannot be decoded" if "DWVW" in subtype else SOUND  # libsndfile writes DWVW, but can't read it
    strange = {
        "nan": np.nan,
        "infinity": np.inf,
        "minus infinity": -np.inf,
        "largest double": 1e308,
        "largest float": 3e38,
        "loud": 1e9,
        "denormal": 1e-310,
    }
    for name, value in strange.items():
        for subtype, dtype in (("FLOAT", np.float32), ("DOUBLE", np.float64)):
            sound = two_tones(16000).astype(np.float64)
            sound[5000::5000] = value
            with np.errstate(over="ignore", under="ignore"):
                soundfile.write(folder / f"{name} {subtype}.wav", sound.astype(dtype), 16000, subtype)
            readable = name in ("loud", "denormal", "largest float")
            yield folder / f"{name} {subtype}.wav", SOUND if readable else "not finite numbers"


def rates(folder: Path) -> Made:
    """1 Hz to 384 kHz, and rates that only a header can claim."""
    for rate in (1, 2, 10, 100, 999, 2000, 3999):
        soundfile.write(folder / f"{rate} Hz.wav", two_tones(rate, 300), rate)
        yield folder / f"{rate} Hz.wav", "samples per second; "
    spoken = (4000, 5512, 6000, 7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 37800, 44056, 44100, 47250, 48000)
    for rate in (*spoken, 50000, 64000, 88200, 96000, 176400, 192000, 352800, 384000):
        soundfile.write(folder / f"{rate} Hz.wav", two_tones(rate), rate)
        yield folder / f"{rate} Hz.wav", SOUND
    wave = bytearray((folder / "16000 Hz.wav").read_bytes())
    for rate in (0, 1, 400_000, 1_000_000, 2**31 - 1, 2**31, 2**32 - 1):
        wave[24:28] = struct.pack("<I", rate)
        yield write(folder / f"claims {rate} Hz.wav", wave), "^claims"


def channels(folder: Path) -> Made:
    """1 to 16 channels, and up to the most that libsndfile takes."""
    tones = two_tones(16000)
    for count in (*range(1, 17), 255, 1024):
        soundfile.write(folder / f"{count} channels.wav", np.repeat(tones[:, None], count, axis=1), 16000)
        yield folder / f"{count} channels.wav", SOUND
    for count in range(1, 9):
        soundfile.write(folder / f"{count} channels.flac", np.repeat(tones[:, None], count, axis=1), 16000)
        yield folder / f"{count} channels.flac", SOUND
    soundfile.write(folder / "channels that cancel.wav", np.stack([tones, -tones], axis=1), 16000)
    yield folder / "channels that cancel.wav", SOUND
    wave = bytearray((folder / "1 channels.wav").read_bytes())
    for count in (0, 3, 1025, 65535):
        wave[22:24] = struct.pack("<H", count)
        yield write(folder / f"claims {count} channels.wav", wave), SOUND if count == 3 else "cannot be decoded"


def signals(folder: Path) -> Made:
    """Sound without speech."""
    draw = np.random.default_rng(0)
    time = np.arange(5 * 16000)
    sounds = {
        "digital silence": (0 * time, "is silent"),
        "faint hiss": (draw.normal(0, 1e-5, len(time)), "is silent"),
        "direct current": (0 * time + 0.5, SOUND),
        "full direct current": (0 * time - 1.0, SOUND),
        "clipped": (np.clip(9 * np.sin(time / 20), -1, 1), SOUND),
        "white noise": (draw.normal(0, 0.2, len(time)), SOUND),
        "one click": (np.where(time == 40000, 0.9, 0), SOUND),
        "half the rate": (0.5 * (-1.0) ** time, SOUND),
        "sweep": (0.5 * np.sin(time**2 / 20000), SOUND),
        "below the shortest": (0.5 * np.sin(time[:1599]), "the shortest that can be transcribed is 0.1 s"),
        "the shortest": (0.5 * np.sin(time[:1600]), SOUND),
        "one sample": (np.array([0.5]), "the shortest"),
    }
    for name, (sound, outcome) in sounds.items():
        soundfile.write(folder / f"{name}.wav", sound.astype(np.float32), 16000)
        yield folder / f"{name}.wav", outcome


def names(folder: Path) -> Made:
    """Names that are difficult for shells, pages and terminals. The files hold sound."""
    data = clip(folder / "clip.wav").read_bytes()
    strange = (
        *("with spaces.wav", " leading space.wav", "trailing space ", "-f", "--help.wav", "*.wav", "?.wav", "[ab].wav"),
        *("it's.wav", '"quoted".wav', "`id`.wav", "$(id).wav", "a;b.wav", "a|b.wav", "a&b.wav", "%s%n.wav", "%00.wav"),
        *("\U0001f600.wav", "\U0001f469\u200d\U0001f467.wav", "日本語.wav", "\u00e9.wav", "e\u0301.wav", "\u05d0.wav"),
        *(
            "\u202egpj.wav",
            "a\u200fb.wav",
            "\ufeff.wav",
            "a\u2028b.wav",
            "\x7f.wav",
            "a\nb.wav",
            "a\rb.wav",
            "a\tb.wav",
        ),
        *(
            "<img src=x onerror=alert(1)>.wav",
            "\x1b[31mred.wav",
            ".wav",
            "..wav",
            "no suffix",
            "UPPER.WAV",
            "a.b.c.wav",
        ),
        *("a\\b.wav", "CON.wav", "http:a.wav", "pipe:0", "data:audio,wav", "file:b.wav"),
        *("x" * 251 + ".wav", "あ" * 85, os.fsdecode(b"caf\xe9.wav"), os.fsdecode(b"\xff\xfe.wav")),
    )
    for name in strange:
        yield write(folder / name, data), SOUND


def no_regular_files(folder: Path) -> Made:
    """Paths that do not lead to a regular file."""
    (folder / "folder.wav").mkdir()
    yield folder / "folder.wav", "is a folder"
    os.mkfifo(folder / "pipe.wav")
    yield folder / "pipe.wav", "is a device or a pipe"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(folder / "socket.wav"))  # the absolute path may be too long for a socket
    yield folder / "socket.wav", "is a device or a pipe"
    links = {"loop.wav": "loop.wav", "dangling.wav": "nowhere", "null.wav": "/dev/null", "zeros.wav": "/dev/zero"}
    refusals = ("cannot be opened", "does not exist", "is a device or a pipe", "is a device or a pipe")
    for (name, target), refusal in zip(links.items(), refusals, strict=True):
        (folder / name).symlink_to(target)
        yield folder / name, refusal
    yield folder / "missing.wav", "does not exist"
    yield folder / ("x" * 300), "cannot be opened"
    yield clip(folder / "file.wav") / "inside.wav", "does not exist"
    yield folder / "a\0b.wav", "does not exist"


def bombs(folder: Path) -> Made:
    """Small files that hold hours, or need a lot of memory if they are read naively."""
    frame = encode(folder / "frame.aac", np.zeros(8000 * 10, np.float32), 8000).read_bytes()
    yield write(folder / "hours.aac", frame * 1080), "is more than 10 min long"  # three hours
    mp3 = encode(folder / "frame.mp3", np.zeros(8000 * 10, np.float32), 8000).read_bytes()
    yield write(folder / "hours.mp3", mp3 * 360), "long; the limit is 10 min"
    soundfile.write(folder / "hour.flac", np.zeros(8000 * 3600, np.int16), 8000)
    yield folder / "hour.flac", "is 1 h long; the limit is 10 min"
    flac = bytearray((folder / "hour.flac").read_bytes())
    flac[21], flac[22:26] = flac[21] & 0xF0, bytes(4)  # number of samples: unknown
    yield write(folder / "hour of unknown length.flac", flac), "is more than 10 min long"
    flac[21], flac[22:26] = flac[21] | 0x0F, b"\xff" * 4
    yield write(folder / "claims years.flac", flac), "long; the limit is 10 min"
    for channels in (1, 16):
        sound = np.repeat(two_tones(1, 599)[:, None], channels, axis=1)
        soundfile.write(folder / f"599 samples, 599 seconds, {channels} channels.wav", sound, 1)
        yield folder / f"599 samples, 599 seconds, {channels} channels.wav", "has 1 samples per second"
    # 20 MB of 8-bit samples would be 600 MB with every channel at 16 kHz.
    soundfile.write(folder / "5 minutes of 16 channels.wav", np.full((4000 * 300, 16), 0.5), 4000, "PCM_U8")
    yield folder / "5 minutes of 16 channels.wav", SOUND
    soundfile.write(folder / "5 seconds of 1024 channels.wav", np.full((4000 * 5, 1024), 0.5), 4000, "PCM_U8")
    yield folder / "5 seconds of 1024 channels.wav", SOUND


GROUPS: tuple[Callable[[Path], Made], ...] = (
    without_content,
    cut_in_the_middle,
    flipped_bytes,
    other_content,
    sample_formats,
    rates,
    channels,
    signals,
    names,
    no_regular_files,
    bombs,
)


def write(path: Path, data: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(data)
    return path


def clip(path: Path) -> Path:
    """Write two tones, half a second in all, in any container."""
    if path.suffix in (".aiff", ".caf"):
        soundfile.write(path, two_tones(RATE, 0.5), RATE)
        return path
    return encode(path, two_tones(RATE, 0.5), RATE)


def picture() -> bytes:
    """A small PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + b"\1\2\3" * 4) * 4))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")
