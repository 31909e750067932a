"""`--resume`: a command that was killed continues where it stopped, and its output is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import soundfile

from benchmarks.served import ROOT
from kikitori import load_model, stream, transcribe
from kikitori.cli import attempt
from kikitori.cli import run as command_line
from kikitori.engines.engine import Prompt
from kikitori.engines.journal import Journal, JournaledEngine, journal_path
from kikitori.errors import OutputError
from kikitori.output.jsonl import read_records
from kikitori.output.writers import write_json
from kikitori.result import DecodingResult, last
from kikitori.tasks import TINY
from kikitori.update import Update
from tests.support.engines import ScriptedEngine
from tests.support.recordings import RECORDINGS, one_recording, recordings_in, repeated

JOB = {"direction": "pt", "weights": [["model.safetensors", 8, 1]], "device_and_dtype": "cpu (float32)"}
SOUNDS = [np.full(10, number, np.float32) for number in range(4)]
PORTUGUESE = Prompt("Portuguese")


def identity(path) -> tuple[int, int]:
    """Changes whenever a file is written again, even with the same content."""
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_command_can_be_resumed_and_writes_the_same_bytes(tmp_path, capsys):
    """SIGKILL as soon as the first windows of a call of three minutes are decoded.

    The output of another recording, written before that, is not touched again.
    """
    short, recording, output = one_recording("diarize").path, tmp_path / "long.flac", tmp_path / "out"
    soundfile.write(recording, repeated("diarize", 180), 16000)
    command = [short, recording, "--direction", "diarize", "--checkpoint", "tiny", "-f", "json", "-o", output]
    command = list(map(str, command))
    journal, written = output / "long.diarize.journal", output / f"{short.stem}.json"
    killed = [sys.executable, ROOT / "inference.py", *command]
    with subprocess.Popen(killed, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert set(os.listdir(output)) == {journal.name, f"{short.stem}.diarize.journal", written.name}
    kept, before = max(0, len(list(read_records(journal))) - 1), identity(written)

    assert command_line.main([*command, "--resume"]) == 0
    said = capsys.readouterr().err
    assert f"note: {short}: its output is up to date" in said and identity(written) == before
    assert (f"windows taken from {journal}: {kept}" in said) == bool(kept)
    assert set(os.listdir(output)) == {"long.json", written.name}
    expected = transcribe(load_model("diarize", checkpoint="tiny"), recording)
    assert len(expected.raw_text.splitlines()) > 6
    assert (output / "long.json").read_text(encoding="utf-8") == write_json(expected)


class Counting:
    """An engine that counts the windows it decodes."""

    def __init__(self, engine):
        self.name, self.count = engine.name, 0
        self._engine = engine

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        self.count += len(waveforms)
        return self._engine.stream(waveforms, prompt, max_tokens)


@pytest.mark.slow
def test_windows_in_the_journal_are_not_decoded_again(tmp_path):
    """Interrupted after the first, the second and the fourth window."""
    model = replace(load_model("pt", checkpoint="tiny"), checkpoint=replace(TINY, window_seconds=8))
    sound = repeated("pt", 75)
    counting = Counting(model.engine)

    def journaled(journal: Journal):
        return replace(model, engine=JournaledEngine(counting, journal))

    expected = transcribe(replace(model, engine=counting), sound)
    windows = counting.count
    assert windows > 7
    for number in (1, 2, 4):
        path = tmp_path / f"{number}.journal"
        with closing(stream(journaled(Journal(path, JOB, resume=False)), sound)) as interrupted:
            list(islice((step for step in interrupted if isinstance(step, Update)), number))
        journal = Journal(path, JOB, resume=True)
        assert journal.resumed >= number
        counting.count = 0
        assert transcribe(journaled(journal), sound) == expected
        assert counting.count == windows - journal.resumed


def write_sum(waveform: np.ndarray) -> DecodingResult:
    """A result that depends on the sound."""
    return DecodingResult(f"{waveform.sum()} 日本", "end", (1, 2), (-0.1, -1 / 3))


def fail(waveform: np.ndarray) -> DecodingResult:
    raise AssertionError("it was decoded before")


def decode(journal: Journal, decoder, sounds: list[np.ndarray]) -> list[DecodingResult]:
    return last(JournaledEngine(ScriptedEngine(decoder), journal).stream(sounds, PORTUGUESE))


def write_three(path) -> list[DecodingResult]:
    return decode(Journal(path, JOB, resume=False), write_sum, SOUNDS[:3])


def test_results_come_back_unchanged(tmp_path):
    results = write_three(tmp_path / "a.journal")
    journal = Journal(tmp_path / "a.journal", JOB, resume=True)
    assert journal.resumed == 3
    assert decode(journal, fail, [SOUNDS[2], SOUNDS[0], SOUNDS[2]]) == [results[2], results[0], results[2]]
    journal.remove()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_half_a_line_is_ignored_and_written_again(tmp_path, cut):
    path = tmp_path / "a.journal"
    results = write_three(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    journal = Journal(path, JOB, resume=True)
    assert journal.resumed == 2
    assert decode(journal, write_sum, SOUNDS[:3]) == results
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    "content",
    [b"", b"{}\n", b"\xff\n", b"[1]\n", b"null\n", json.dumps(JOB | {"weights": []}).encode() + b"\n"],
)
def test_a_journal_of_another_job_is_replaced(tmp_path, content):
    path = tmp_path / "a.journal"
    write_three(path)
    good = path.read_bytes()
    path.write_bytes(content + good[good.index(b"\n") + 1 :])
    journal = Journal(path, JOB, resume=True)
    assert journal.resumed == 0
    decode(journal, write_sum, SOUNDS[:3])
    assert path.read_bytes() == good


@pytest.mark.parametrize(("good", "bad"), [(b'"ids"', b'"odd"'), ("日本".encode(), b"\\ud800")], ids=["key", "text"])
def test_a_damaged_journal_is_replaced(tmp_path, good, bad):
    """Half of a character cannot be written again."""
    path = tmp_path / "a.journal"
    write_three(path)
    path.write_bytes(path.read_bytes().replace(good, bad, 1))
    assert Journal(path, JOB, resume=True).resumed == 0


def test_without_resume_nothing_is_reused_and_nothing_lost(tmp_path):
    write_three(tmp_path / "a.journal")
    journal = Journal(tmp_path / "a.journal", JOB, resume=False)
    assert journal.resumed == 0
    decode(journal, write_sum, SOUNDS[3:])
    assert Journal(tmp_path / "a.journal", JOB, resume=True).resumed == 4


def test_the_error_names_a_journal_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"gone.a.journal cannot be written \(No such file or directory\)"):
        write_three(tmp_path / "gone" / "a.journal")


def test_a_journal_is_named_by_the_recording_unless_that_is_too_long(tmp_path):
    assert journal_path(tmp_path, "call", "diarize") == tmp_path / "call.diarize.journal"
    long = [journal_path(tmp_path, letter * 84, "diarize") for letter in "あい"]
    assert all(len(path.name.encode()) < 100 for path in long) and long[0] != long[1]


def test_a_name_may_have_as_many_bytes_as_a_file_system_takes(tmp_path):
    longest = "a" * (255 - len(".pt.journal"))
    assert journal_path(tmp_path, longest, "pt").name == f"{longest}.pt.journal"
    assert len(journal_path(tmp_path, longest + "a", "pt").name) < 100


def test_a_journal_grows_and_its_last_note_counts(tmp_path):
    path = tmp_path / "a.journal"
    first = Journal(path, JOB, resume=False)
    decode(first, write_sum, SOUNDS[:1])
    first.note_written({"format": "txt"})
    decode(first, write_sum, SOUNDS[1:2])
    first.note_written({"format": "srt"})
    again = Journal(path, JOB, resume=True)
    assert (again.resumed, again.written) == (2, {"format": "srt"})


def test_the_error_names_a_journal_that_cannot_be_read(tmp_path):
    with pytest.raises(OutputError, match="Is a directory"):
        Journal(tmp_path, JOB, resume=True)


@pytest.fixture
def interrupt(tmp_path, monkeypatch):
    """A function that runs a command for two recordings and interrupts it after the first is written.

    It returns a function that runs the command again with --resume and further options, and returns the exit code and
    which recordings were transcribed again.
    """
    paths = [recording.path for recording in recordings_in(RECORDINGS, "pt")]
    audio = [shutil.copy(path, tmp_path / name) for path, name in zip(paths[:2], ("a.flac", "b.flac"), strict=True)]
    command = [*map(str, audio), "--direction", "pt", "--checkpoint", "tiny", "-o", str(tmp_path / "out")]
    transcribed = []

    def interrupted(model, path, **options):
        if path.name == "b.flac":
            raise KeyboardInterrupt
        return stream(model, path, **options)

    def counted(model, path, **options):
        transcribed.append(path.name)
        return stream(model, path, **options)

    def again(*options: str) -> tuple[int, list[str]]:
        transcribed.clear()
        return command_line.main([*command, "--resume", *options]), transcribed

    def interrupt():
        monkeypatch.setattr(attempt, "stream", interrupted)
        assert command_line.main([*command, "-f", "tsv"]) == command_line.EXIT_INTERRUPTED
        assert sorted(os.listdir(tmp_path / "out")) == ["a.pt.journal", "a.tsv"]
        monkeypatch.setattr(attempt, "stream", counted)
        return again

    return interrupt


@pytest.fixture
def run_again(interrupt):
    return interrupt()


@pytest.mark.slow
def test_a_finished_recording_is_skipped(run_again, tmp_path, capsys):
    before = identity(tmp_path / "out" / "a.tsv")
    assert run_again("-f", "tsv") == (0, ["b.flac"])
    assert f"note: {tmp_path / 'a.flac'}: its output is up to date and left as it is" in capsys.readouterr().err
    assert identity(tmp_path / "out" / "a.tsv") == before
    assert sorted(os.listdir(tmp_path / "out")) == ["a.tsv", "b.tsv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("-f", "all"),
        ("-f", "tsv", "--align"),
        ("-f", "tsv", "--max_seconds", "60"),
        ("-f", "srt"),
        ("-f", "tsv", "--context", "Helena"),
        ("-f", "tsv", "--replace", "Helena=Ana"),
    ],
    ids=" ".join,
)
def test_with_other_options_the_output_is_written_again(run_again, options):
    assert run_again(*options) == (0, ["a.flac", "b.flac"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "out" / "a.tsv").unlink(),
        lambda folder: shutil.copy(folder / "b.flac", folder / "a.flac"),
        lambda folder: change_content_only(folder / "a.flac"),
    ],
    ids=["output deleted", "another recording", "another recording of the same size and time"],
)
def test_an_output_that_is_out_of_date_is_written_again(run_again, tmp_path, change):
    change(tmp_path)
    assert run_again("-f", "tsv") == (0, ["a.flac", "b.flac"])
    expected = transcribe(load_model("pt", checkpoint="tiny"), tmp_path / "a.flac").text
    assert (tmp_path / "out" / "a.tsv").read_text(encoding="utf-8").splitlines()[1].split("\t")[2] == expected


def test_an_output_that_was_corrected_by_hand_stays(run_again, tmp_path):
    (tmp_path / "out" / "a.tsv").write_text("corrected by hand")
    assert run_again("-f", "tsv") == (0, ["b.flac"])
    assert (tmp_path / "out" / "a.tsv").read_text() == "corrected by hand"


def test_outputs_of_a_finished_command_stay(run_again, tmp_path, capsys):
    """Its journals are gone, so nothing shows whether an output was corrected."""
    assert run_again("-f", "tsv") == (0, ["b.flac"])
    (tmp_path / "out" / "a.tsv").write_text("corrected by hand")
    (tmp_path / "out" / "b.tsv").unlink()
    capsys.readouterr()
    assert run_again("-f", "tsv") == (0, ["b.flac"])
    assert "a.flac: its output exists and no journal does, so it is left as it is" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.tsv").read_text() == "corrected by hand"
    assert run_again("-f", "tsv") == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("kikitori.engines.local.LocalEngine.device_and_dtype", "cuda:0 (bfloat16)"),
        ("kikitori.cli.models._weights", lambda checkpoint: [["model.safetensors", 8, 1]]),
    ],
    ids=["another device", "other weights"],
)
def test_what_another_device_or_other_weights_wrote_is_written_again(run_again, monkeypatch, place, value):
    monkeypatch.setattr(place, value)
    assert run_again("-f", "tsv") == (0, ["a.flac", "b.flac"])


def change_content_only(path) -> None:
    """Change the encoder's name inside a FLAC file; its size and time stay."""
    stat, content = path.stat(), path.read_bytes()
    path.write_bytes(content.replace(b"reference", b"Reference", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_mtime_ns == stat.st_mtime_ns and path.read_bytes() != content


def test_the_warnings_of_a_skipped_recording_are_printed_again(interrupt, monkeypatch, tmp_path, capsys):
    with monkeypatch.context() as patch:
        patch.setattr("kikitori.model.generate.token_budget", lambda seconds: 3)
        again = interrupt()
    capsys.readouterr()
    assert again("-f", "tsv") == (command_line.EXIT_INCOMPLETE, ["b.flac"])
    stderr = capsys.readouterr().err
    assert f"warning: {tmp_path / 'a.flac'}: 0:00 to" in stderr
    assert f"warning: {tmp_path / 'b.flac'}" not in stderr
