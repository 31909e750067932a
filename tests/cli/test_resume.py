"""A job that is killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import soundfile

import inference
from benchmarks.served import ROOT
from kikitori import load_model, transcribe
from kikitori.audio.files import load_audio
from kikitori.engines.journal import Journal, journal_path
from kikitori.errors import OutputError
from kikitori.output.jsonl import read_records
from kikitori.output.writers import write_json
from kikitori.pipeline import Decode
from kikitori.result import DecodingResult, last
from kikitori.tasks import TINY
from kikitori.transcribe import stream_with
from tests.support.recordings import RECORDINGS, one_recording, recordings_in

pytestmark = pytest.mark.slow

JOB = {"direction": "pt", "weights": [["model.safetensors", 8, 1]], "device_and_dtype": "cpu (float32)"}
SOUNDS = [np.full(10, number, np.float32) for number in range(4)]


def joined(direction: str, seconds: float) -> np.ndarray:
    """A direction's recordings again and again, two seconds after each; faint noise makes each time a little other."""
    paths = [recording.path for recording in recordings_in(RECORDINGS, direction)]
    sound = np.concatenate([part for path in paths for part in (load_audio(path), np.zeros(2 * 16000, np.float32))])
    noise = np.random.default_rng(0).normal(0, 1e-4, round(seconds * 16000)).astype(np.float32)
    return np.resize(sound, len(noise)) + noise


def identity(path) -> tuple[int, int]:
    """What changes when a file is written again, whatever it then holds."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_killed_job_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    """SIGKILL as soon as the first windows of a call of three minutes are done; the file is the same, byte for byte.

    Another call, written before that one, is not touched again.
    """
    short, recording, output = one_recording("diarize").path, tmp_path / "long.flac", tmp_path / "out"
    soundfile.write(recording, joined("diarize", 180), 16000)
    command = [sys.executable, ROOT / "inference.py", short, recording, "--direction", "diarize"]
    command += ["--checkpoint", "tiny", "-f", "json", "-o", output]
    journal, written = output / "long.diarize.journal", output / f"{short.stem}.json"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert set(os.listdir(output)) == {journal.name, f"{short.stem}.diarize.journal", written.name}
    kept, before = max(0, len(list(read_records(journal))) - 1), identity(written)

    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert f"note: {short.name}: written before" in resumed.stderr and identity(written) == before
    assert (f"{kept} windows are taken from {journal}" in resumed.stderr) == bool(kept)
    assert set(os.listdir(output)) == {"long.json", written.name}
    expected = transcribe(load_model("diarize", checkpoint="tiny"), recording)
    assert len(expected.raw_text.splitlines()) > 6
    assert (output / "long.json").read_text(encoding="utf-8") == write_json(expected)


def test_what_is_in_the_journal_is_not_decoded_again(tmp_path):
    """Broken off after the first group of windows, the second, the third."""
    model = load_model("pt", checkpoint="tiny")
    checkpoint, sound = replace(TINY, window_seconds=8), joined("pt", 75)
    asked = []

    def decode(waveforms):
        asked.extend(waveforms)
        return model.stream(waveforms)

    def stream(decode):
        return stream_with(decode, model.direction, checkpoint, sound)

    *_, expected = stream(decode)
    windows = len(asked)
    assert windows > 7
    for group in range(3):
        path = tmp_path / f"{group}.journal"
        broken_off = stream(Journal(path, JOB, resume=False).keep(model.stream))
        list(islice((one for one in broken_off if not one.draft), 2**group))
        broken_off.close()
        journal = Journal(path, JOB, resume=True)
        assert journal.resumed >= 2**group
        asked.clear()
        *_, transcript = stream(journal.keep(decode))
        assert transcript == expected
        assert len(asked) == windows - journal.resumed


def lengths(waveforms: list[np.ndarray]) -> Iterator[list[DecodingResult]]:
    """A decoder that writes the sum of a sound."""
    yield [DecodingResult(f"{waveform.sum()} 日本", "end", (1, 2), (-0.1, -1 / 3)) for waveform in waveforms]


def never(waveforms: list[np.ndarray]) -> Iterator[list[DecodingResult]]:
    raise AssertionError("it was decoded before")


def begun(path) -> list[DecodingResult]:
    return keep(Journal(path, JOB, resume=False), lengths, SOUNDS[:3])


def keep(journal: Journal, decode: Decode, sounds: list[np.ndarray]) -> list[DecodingResult]:
    return last(journal.keep(decode)(sounds))


def test_what_was_decoded_comes_back_as_it_was(tmp_path):
    texts = begun(tmp_path / "a.journal")
    journal = Journal(tmp_path / "a.journal", JOB, resume=True)
    assert journal.resumed == 3
    assert keep(journal, never, [SOUNDS[2], SOUNDS[0], SOUNDS[2]]) == [texts[2], texts[0], texts[2]]
    journal.remove()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_half_a_line_is_left_out_and_written_again(tmp_path, cut):
    path = tmp_path / "a.journal"
    texts = begun(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    journal = Journal(path, JOB, resume=True)
    assert journal.resumed == 2
    assert keep(journal, lengths, SOUNDS[:3]) == texts
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [b"", b"{}\n", b"\xff\n", b"[1]\n", b"null\n", json.dumps(JOB | {"weights": []}).encode() + b"\n"],
)
def test_another_jobs_journal_is_replaced(tmp_path, content):
    path = tmp_path / "a.journal"
    begun(path)
    good = path.read_bytes()
    path.write_bytes(content + good[good.index(b"\n") + 1 :])
    journal = Journal(path, JOB, resume=True)
    assert journal.resumed == 0
    keep(journal, lengths, SOUNDS[:3])
    assert path.read_bytes() == good


def test_a_damaged_journal_is_replaced(tmp_path):
    path = tmp_path / "a.journal"
    begun(path)
    path.write_bytes(path.read_bytes().replace(b'"ids"', b'"odd"', 1))
    assert Journal(path, JOB, resume=True).resumed == 0


def test_without_resume_nothing_is_taken_and_nothing_lost(tmp_path):
    begun(tmp_path / "a.journal")
    journal = Journal(tmp_path / "a.journal", JOB, resume=False)
    assert journal.resumed == 0
    keep(journal, lengths, SOUNDS[3:])
    assert Journal(tmp_path / "a.journal", JOB, resume=True).resumed == 4


def test_a_journal_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"gone.a.journal cannot be written \(No such file or directory\)"):
        begun(tmp_path / "gone" / "a.journal")


def test_a_journal_is_named_by_the_recording_unless_that_is_too_long(tmp_path):
    assert journal_path(tmp_path, "call", "diarize") == tmp_path / "call.diarize.journal"
    long = [journal_path(tmp_path, letter * 84, "diarize") for letter in "あい"]
    assert all(len(path.name.encode()) < 100 for path in long) and long[0] != long[1]


@pytest.fixture
def break_off(tmp_path, monkeypatch):
    """A function that calls for two recordings, is interrupted when the first is written, and gives another function.

    That one makes the call again, with further options, and returns the exit code and what was transcribed again.
    """
    paths = [recording.path for recording in recordings_in(RECORDINGS, "pt")]
    audio = [shutil.copy(path, tmp_path / name) for path, name in zip(paths[:2], ("a.flac", "b.flac"), strict=True)]
    command = [*map(str, audio), "--direction", "pt", "--checkpoint", "tiny", "-o", str(tmp_path / "out")]
    stream, transcribed = inference.stream, []

    def interrupted(model, path, **options):
        if path.name == "b.flac":
            raise KeyboardInterrupt
        return stream(model, path, **options)

    def counted(model, path, **options):
        transcribed.append(path.name)
        return stream(model, path, **options)

    def again(*options: str) -> tuple[int, list[str]]:
        transcribed.clear()
        return inference.main([*command, "--resume", *options]), transcribed

    def break_off():
        monkeypatch.setattr("kikitori.cli.run.stream", interrupted)
        assert inference.main([*command, "-f", "tsv"]) == inference.EXIT_INTERRUPTED
        assert sorted(os.listdir(tmp_path / "out")) == ["a.pt.journal", "a.tsv"]
        monkeypatch.setattr("kikitori.cli.run.stream", counted)
        return again

    return break_off


@pytest.fixture
def broken_off(break_off):
    return break_off()


def test_a_recording_that_is_written_is_left_out(broken_off, tmp_path, capsys):
    before = identity(tmp_path / "out" / "a.tsv")
    assert broken_off("-f", "tsv") == (0, ["b.flac"])
    assert "note: a.flac: written before, and left as it is" in capsys.readouterr().err
    assert identity(tmp_path / "out" / "a.tsv") == before
    assert sorted(os.listdir(tmp_path / "out")) == ["a.tsv", "b.tsv"]
    assert broken_off("-f", "tsv") == (0, ["a.flac", "b.flac"])  # that call had come to its end: this is another


@pytest.mark.parametrize(
    "options",
    [("-f", "all"), ("-f", "tsv", "--align"), ("-f", "tsv", "--max_seconds", "60"), ("-f", "tsv", "--no-stereo")],
    ids=" ".join,
)
def test_what_is_written_otherwise_is_written_again(broken_off, options):
    assert broken_off(*options) == (0, ["a.flac", "b.flac"])


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "out" / "a.tsv").unlink(),
        lambda folder: (folder / "out" / "a.tsv").write_text("start\tend\ttext\n"),
        lambda folder: shutil.copy(folder / "b.flac", folder / "a.flac"),
        lambda folder: same_size_and_time(folder / "a.flac"),
    ],
    ids=["output deleted", "output of another job", "another recording", "another recording of the same size and time"],
)
def test_an_output_that_is_not_this_jobs_is_written_again(broken_off, tmp_path, change):
    change(tmp_path)
    assert broken_off("-f", "tsv") == (0, ["a.flac", "b.flac"])
    said = transcribe(load_model("pt", checkpoint="tiny"), tmp_path / "a.flac").text
    assert (tmp_path / "out" / "a.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")[2] == said


def same_size_and_time(path) -> None:
    """Another file for all that its folder tells: its encoder's name begins otherwise."""
    stat, content = path.stat(), path.read_bytes()
    path.write_bytes(content.replace(b"reference", b"Reference", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_mtime_ns == stat.st_mtime_ns and path.read_bytes() != content


def test_what_was_incomplete_is_told_again(break_off, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("kikitori.model.generate.token_budget", lambda seconds: 3)
        again = break_off()
    capsys.readouterr()
    assert again("-f", "tsv") == (inference.EXIT_INCOMPLETE, ["b.flac"])
    said = capsys.readouterr().err
    assert "warning: a.flac: 0:00 to" in said and "warning: b.flac" not in said
