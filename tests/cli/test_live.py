"""`kikitori live`: sound through a pipe, lines and subtitles out."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import sys
import termios
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest
import srt

from kikitori.audio.files import load_audio
from kikitori.cli.live_output import Lines
from kikitori.live.events import Closed, Words
from kikitori.transcript import Turn
from tests.support.command_line import CLIP_TEXTS, CLIPS
from tests.support.recordings import one_recording
from tests.support.server import until

OPTIONS = ("--direction", "pt", "--checkpoint", "tiny")


def raw(*paths: Path) -> bytes:
    waveform = np.concatenate([load_audio(path) for path in paths])
    return np.round(waveform * 32767).astype("<i2").tobytes()


TWO = raw(*(clip.path for clip in CLIPS))


@pytest.fixture
def live(run, monkeypatch, tmp_path) -> Callable:
    """Run `kikitori live -` on bytes, or on a pipe."""

    def live(sound: bytes | int, *arguments: object):
        path = tmp_path / "sound.raw"
        if isinstance(sound, bytes):
            path.write_bytes(sound)
        with open(path if isinstance(sound, bytes) else sound, "rb") as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return run("live", "-", *arguments)

    return live


def test_lines_and_subtitles_are_those_of_the_recordings(live, tmp_path):
    done = live(TWO, *OPTIONS, "-o", tmp_path / "talk.srt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == CLIP_TEXTS
    assert done.stderr.count("note: the times of the subtitles are estimates") == 1
    subtitles = list(srt.parse((tmp_path / "talk.srt").read_text(encoding="utf-8")))
    assert [" ".join(subtitle.content.split()) for subtitle in subtitles] == CLIP_TEXTS
    assert [subtitle.index for subtitle in subtitles] == [1, 2]
    assert subtitles[0].end <= subtitles[1].start
    assert subtitles[1].start.total_seconds() > len(load_audio(CLIPS[0].path)) / 16000


def test_a_call_has_provisional_speakers(live):
    one = one_recording("diarize")
    done = live(raw(one.path), "--direction", "diarize", "--checkpoint", "tiny")
    assert done.stdout.startswith("[spk_0?]: ") and "estimates" not in done.stderr
    assert "".join(line.partition(": ")[2] for line in done.stdout.splitlines()) == one.text


def unread(pipe: int) -> int:
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0]


@pytest.fixture
def heeds_hang_ups():
    """A program that was started with nohup ignores that its terminal is closed, and the tests may be in one."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.usefixtures("heeds_hang_ups")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_last_stretch(number, live, tmp_path):
    reading, writing = os.pipe()
    subtitles = tmp_path / "talk.srt"

    def speak() -> None:
        os.write(writing, raw(CLIPS[0].path) + b"\0" * 32000)
        until(lambda: subtitles.exists() and "-->" in subtitles.read_text())
        spoken = raw(CLIPS[1].path)
        for start in range(0, len(spoken), 32000):
            os.write(writing, spoken[start : start + 32000])
        until(lambda: not unread(reading))
        os.kill(os.getpid(), number)
        until(lambda: CLIP_TEXTS[1].split()[-1] in subtitles.read_text())
        os.close(writing)

    speaker = threading.Thread(target=speak)
    speaker.start()
    before = signal.getsignal(number)
    done = live(reading, *OPTIONS, "-o", subtitles)
    speaker.join()
    assert (done.returncode, done.stdout.splitlines()) == (0, CLIP_TEXTS)
    assert signal.getsignal(number) == before


def texts_in(subtitles: Path) -> list[str]:
    return [" ".join(one.content.split()) for one in srt.parse(subtitles.read_text(encoding="utf-8"))]


def full_disk() -> TextIO:
    return os.fdopen(os.open("/dev/full", os.O_WRONLY), "w")


def closed_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


FULL = "(No space left on device)"


@pytest.mark.parametrize(
    ("stdout", "code", "said"),
    [
        (full_disk, 1, f"error: standard output cannot be written {FULL}"),
        (closed_pipe, 141, "warning: standard output is closed: the subtitles go on"),
        (lambda: None, 141, "warning: standard output is closed: the subtitles go on"),
    ],
    ids=["full", "closed by the reader", "closed from the beginning"],
)
def test_the_subtitles_go_on_without_standard_output(stdout, code, said, live, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "stdout", stdout())
    done = live(TWO, *OPTIONS, "-o", tmp_path / "talk.srt")
    assert done.returncode == code
    assert [line for line in done.stderr.splitlines() if line.startswith(said)], done.stderr
    assert "the subtitles go on" in done.stderr
    assert texts_in(tmp_path / "talk.srt") == CLIP_TEXTS


def test_the_lines_go_on_without_the_subtitles(live):
    done = live(TWO, *OPTIONS, "-o", "/dev/full")
    assert (done.returncode, done.stdout.splitlines()) == (1, CLIP_TEXTS)
    assert done.stderr.count(f"error: /dev/full cannot be written {FULL}") == 1
    assert "warning: the lines go on" in done.stderr


@pytest.mark.parametrize(("stdout", "output", "code"), [(closed_pipe, (), 141), (full_disk, ("-o", "/dev/full"), 1)])
def test_it_ends_before_the_sound_if_nothing_can_be_written(stdout, output, code, live, monkeypatch):
    monkeypatch.setattr(sys, "stdout", stdout())
    reading, writing = os.pipe()
    speaker = threading.Thread(target=lambda: os.write(writing, TWO))
    speaker.start()
    assert live(reading, *OPTIONS, *output).returncode == code
    os.close(writing)


def test_silence_is_told(live):
    done = live(b"\0" * 32000 * 6, *OPTIONS)
    assert (done.returncode, done.stdout) == (3, "")
    assert "check that the microphone is not muted" in done.stderr and "there was no speech" in done.stderr


def test_a_file_instead_of_raw_samples_is_refused(live):
    done = live(CLIPS[0].path.read_bytes(), *OPTIONS)
    assert done.returncode == 1 and "begins as a FLAC file does" in done.stderr and "ffmpeg" in done.stderr
    assert "loading" not in done.stderr


class Device:
    """Stands in for sounddevice, as no machine of the tests has a microphone: it hears TWO, and then ends."""

    PortAudioError = OSError

    def __init__(self, at_end: Callable[[], None]):
        self._at_end = at_end

    def RawInputStream(self, rate: int, block: int, *, channels: int, dtype: str, callback, finished_callback):  # noqa: N802
        assert (rate, channels, dtype) == (16000, 1, "int16")
        self._speak = lambda: [
            callback(TWO[at : at + 2 * block], block, None, None) for at in range(0, len(TWO), 2 * block)
        ]
        self._finish = finished_callback
        return self

    def query_devices(self, *, kind: str):
        assert kind == "input"

    def check_input_settings(self, **_):
        pass

    def start(self):
        self._speak()
        self._at_end()

    def unplug(self):
        self._finish()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._finish()


def installed(device: Device, monkeypatch) -> Device:
    device.__spec__ = ModuleSpec("sounddevice", None)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    return device


def test_a_missing_microphone_is_told_before_the_checkpoint_is_loaded(run, monkeypatch):
    def fail(**_):
        raise OSError("Error querying device -1")

    monkeypatch.setattr(installed(Device(lambda: None), monkeypatch), "query_devices", fail, raising=False)
    done = run("live", *OPTIONS)
    assert done.returncode == 1 and "no microphone can be opened (the system has none)" in done.stderr
    assert "loading" not in done.stderr and "-1" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_unplugged", "code", "said"), [(False, 0, ""), (True, 1, "the microphone gives no sound any longer")]
)
def test_all_that_the_microphone_heard_is_written(is_unplugged, code, said, run, monkeypatch, tmp_path):
    device = Device(lambda: device.unplug() if is_unplugged else signal.raise_signal(signal.SIGINT))
    installed(device, monkeypatch)
    done = run("live", *OPTIONS, "-o", tmp_path / "talk.srt")
    assert (done.returncode, done.stdout.splitlines()) == (code, CLIP_TEXTS)
    assert said in done.stderr
    assert " ".join(texts_in(tmp_path / "talk.srt")) == " ".join(CLIP_TEXTS)


@pytest.mark.skipif(find_spec("sounddevice") is not None, reason="sounddevice is installed")
def test_without_sounddevice_the_microphone_is_refused_with_the_remedy(run):
    done = run("live", *OPTIONS)
    assert done.returncode == 2 and "pip install sounddevice" in done.stderr


def test_a_file_as_an_argument_gets_the_commands_that_take_it(run):
    done = run("live", "my call.wav", "--direction", "pt")
    assert done.returncode == 2
    assert "`kikitori 'my call.wav' --direction pt`" in done.stderr
    piped = "ffmpeg -loglevel error -i 'my call.wav' -f s16le -ac 1 -ar 16000 - | kikitori live - --direction pt"
    assert f"`{piped}`" in done.stderr
    assert done.stderr.startswith("error: ")  # not the usage


@pytest.mark.parametrize(
    ("path", "typed", "shown"),
    [
        ("/home/a/kikitori/__main__.py", ["py/python", "-m", "kikitori"], "py/python -m kikitori"),
        ("inference.py", ["python3", "inference.py"], "python3 inference.py"),
        ("/usr/bin/kikitori", ["/usr/bin/python3", "/usr/bin/kikitori"], "kikitori"),
    ],
)
def test_these_commands_are_called_as_this_one_and_keep_its_options(path, typed, shown, run, monkeypatch):
    options = ["--direction", "pt", "--checkpoint", "tiny", "--context", "Rita, Ana"]
    arguments = ["live", "a.wav", *options, "-o", "a b.srt"]
    monkeypatch.setattr(sys, "argv", [path, *arguments])
    monkeypatch.setattr(sys, "orig_argv", [*typed, *arguments])
    done = run(*arguments)
    shared = "--direction pt --checkpoint tiny --context 'Rita, Ana'"
    assert f"`{shown} a.wav {shared}`" in done.stderr
    assert f"| {shown} live - {shared} -o 'a b.srt'`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--language", "pt"), "has its own language"),
        (("--context", "x" * 2001), "the context has 2001 characters"),
        (("-o", "/proc/no/talk.srt"), "cannot be written"),
    ],
)
def test_what_can_not_work_is_refused_before_the_sound_is_read(arguments, said, live):
    done = live(TWO, *OPTIONS, *arguments)
    assert done.returncode in (1, 2) and said in done.stderr and done.stdout == ""


def test_subtitles_of_an_earlier_time_are_not_replaced(live, tmp_path):
    (tmp_path / "talk.srt").write_text("what was said")
    done = live(TWO, *OPTIONS, "-o", tmp_path / "talk.srt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "talk.srt exists already, and what was said live can't be written again" in done.stderr
    assert (tmp_path / "talk.srt").read_text() == "what was said"


def closed(text: str) -> Closed:
    return Closed(0, 0, 1, 1, (Turn(None, text),), ())


def test_a_sentence_is_a_line_as_soon_as_it_is_firm():
    lines = Lines(has_speakers=False)
    assert lines.of(Words(0, 0, 1, "Bom dia. Eu", " sou")) == "Bom dia.\n"
    assert lines.of(Words(0, 0, 1, "Bom dia. Eu sou 3.5 km", ".")) == ""
    assert lines.of(closed("Bom dia. Eu sou 3.5 km. Sim")) == "Eu sou 3.5 km.\nSim\n"
    assert lines.of(closed("はい。駅です。")) == "はい。\n駅です。\n"
