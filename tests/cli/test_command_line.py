"""The command line as a user types it: output, exit codes, and a bad file among good ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import suppress
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest
import soundfile

from benchmarks.served import ROOT
from kikitori.cli import attempt, models
from kikitori.cli.report import make_report
from kikitori.cli.run import main
from kikitori.tasks import TASKS
from kikitori.transcript import Transcript
from tests.support.command_line import CLIP_TEXTS, interrupted_at_the_second_recording
from tests.support.recordings import one_recording


def start(*command: object, **variables: str) -> CompletedProcess:
    """Run a command in a process of its own."""
    environment = os.environ | {"PYTHONUTF8": "1"} | variables
    return subprocess.run([sys.executable, *map(str, command)], capture_output=True, env=environment, cwd=ROOT)


@pytest.mark.slow
def test_a_process_prints_and_exits_like_main_but_for_what_the_terminal_cannot_show(tiny, tmp_path):
    """Windows pipes are not UTF-8 by default, and have no Japanese."""
    recording = one_recording("diarize")
    here = tiny("diarize", recording.path, tmp_path / "nowhere.mp3")
    process = start("inference.py", *here.args, PYTHONUTF8="0", PYTHONIOENCODING="cp1252")
    assert process.returncode == here.returncode == 1
    assert (process.stdout, process.stderr.decode()) == (here.stdout.encode("cp1252", "replace"), here.stderr)
    assert process.stdout.count(b"[spk_") == len(recording.turns) and b"?" in process.stdout
    assert b"Traceback" not in process.stderr


@pytest.mark.slow
@pytest.mark.parametrize("direction", TASKS)
def test_stdout_holds_the_text_and_nothing_else(tiny, direction):
    recording = one_recording(direction)
    done = tiny(direction, recording.path)
    assert done.returncode == 0, done.stderr
    if direction == "diarize":
        lines = [f"[{turn.speaker}]: {turn.text}" for turn in recording.turns]
        assert done.stdout.splitlines() == lines
    else:
        assert done.stdout == recording.reference + "\n"
    assert "1 of 1" in done.stderr and "tiny on cpu" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_closed_standard_error_sends_nothing_to_standard_output(capsys, monkeypatch):
    recording = one_recording("pt")
    monkeypatch.setattr(sys, "stderr", None)
    assert main([str(recording.path), "--direction", "pt", "--checkpoint", "tiny"]) == 0
    assert capsys.readouterr().out == recording.reference + "\n"


def test_messages_that_can_not_be_printed_do_not_end_the_work(monkeypatch):
    recording, code = one_recording("pt"), None
    with suppress(OSError), open("/dev/full", "w") as full:  # it can't be flushed when it is closed
        monkeypatch.setattr(sys, "stderr", full)
        code = main([str(recording.path), "--direction", "pt", "--checkpoint", "tiny"])
    assert code == 0


def test_loading_is_reported_before_it_begins(tiny, monkeypatch):
    def never_ends(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "load_task", never_ends)
    done = tiny("pt", one_recording("pt").path)
    assert (done.returncode, done.stderr) == (130, "loading the checkpoint tiny\n")


def test_json_is_the_transcript(tiny):
    recording = one_recording("diarize")
    done = tiny("diarize", recording.path, "-f", "json")
    transcript = Transcript.from_dict(json.loads(done.stdout))
    assert transcript.raw_text == recording.reference
    assert transcript.audio == recording.path.name


def test_texts_of_several_recordings_have_headers_on_stdout(tiny):
    first, second = (one_recording(direction).path for direction in ("en2ja", "pt"))
    done = tiny("en2ja", first, second)
    assert [line for line in done.stdout.splitlines() if line.startswith("==> ")] == [
        f"==> {first} <==",
        f"==> {second} <==",
    ]


def test_several_recordings_as_json_are_one_line_each(tiny, two_clips):
    done = tiny("pt", *two_clips, "-f", "json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["path"] for record in records] == list(map(str, two_clips))
    assert [Transcript.from_dict(record).text for record in records] == CLIP_TEXTS


def test_a_closed_standard_input_is_one_sentence(tiny, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    done = tiny("pt", "-")
    assert done.returncode == 1 and "error: - cannot be opened (standard input is closed)" in done.stderr


def test_a_recording_comes_through_standard_input(tiny, monkeypatch, tmp_path):
    recording = one_recording("pt")
    with recording.path.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=file))
        done = tiny("pt", "-", "-f", "json", "-o", tmp_path)
    assert done.returncode == 0 and "1 of 1: stdin" in done.stderr.splitlines()
    transcript = Transcript.from_dict(json.loads((tmp_path / "stdin.json").read_text("utf-8")))
    assert (transcript.audio, transcript.text) == ("stdin", recording.reference)


def test_progress_as_json_is_one_object_per_line(tiny, two_clips, monkeypatch, tmp_path):
    monkeypatch.setattr(attempt, "stream", interrupted_at_the_second_recording())
    (tmp_path / "c.wav").write_text("this is no sound")
    done = tiny("pt", *two_clips, tmp_path / "c.wav", "--progress", "json")
    assert done.returncode == 130
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(one["recording"], one["state"]) for one in events if one["event"] == "end"] == [
        (str(tmp_path / "c.wav"), "failed"),
        (str(two_clips[0]), "done"),
        (str(two_clips[1]), "interrupted"),
    ]
    *_, last = (one for one in events if one["event"] == "progress" and one["recording"] == str(two_clips[0]))
    assert last["seconds"] == last["total_seconds"] == pytest.approx(soundfile.info(two_clips[0]).duration, abs=1e-3)
    assert [one["number"] for one in events if one["event"] == "start"] == [1, 2]
    levels = {one["level"] for one in events if one["event"] == "message"}
    assert levels == {"info", "warning", "error"}


def test_what_libraries_print_is_json_too(capfd):
    with make_report("json"):
        print("two\n\nlines", end="", file=sys.stderr)
        print(" and more", file=sys.stderr)
    written = [json.loads(line)["message"] for line in capfd.readouterr().err.splitlines()]
    assert written == ["two", "lines and more"]


@pytest.mark.parametrize(("direction", "unit"), [("pt", "words"), ("en2ja", "characters")])
def test_what_the_model_is_unsure_of_is_one_line(tiny, monkeypatch, direction, unit):
    recording = one_recording(direction)
    monkeypatch.setattr("kikitori.model.row.LOW_CONFIDENCE_PROBABILITY", 1.1)
    done = tiny(direction, recording.path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == f"note: {recording.path}: unsure of 100 % of the {unit}"


def test_help_names_every_option_of_the_page_too(run):
    done = run("page", "--help")
    assert done.returncode == 0 and "usage: kikitori page" in done.stdout and "--port" in done.stdout


def test_the_package_can_be_run(run):
    process = start("-m", "kikitori", "--version")
    assert (process.returncode, process.stdout.decode()) == (0, run("--version").stdout)


def test_the_page_is_opened_by_the_command_line(server):
    assert b"Speech to text" in urllib.request.urlopen(server, timeout=60).read()


def test_ctrl_c_while_a_command_is_imported_shows_no_traceback(run, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("kikitori.cli.run.import_module", interrupted)
    done = run("live", "-", "--direction", "pt")
    assert (done.returncode, done.stderr) == (130, "")
