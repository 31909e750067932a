"""`kikitori batch`: each recording is transcribed once, as the shell does, and the report says how it ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from benchmarks.served import ROOT
from kikitori.cli.run import EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, main
from kikitori.engines.local import LocalEngine
from kikitori.output.jsonl import read_records
from tests.support.batch import BAD, report, singly, written
from tests.support.recordings import RECORDINGS, one_recording, recordings_in, repeated

GOOD = ["deep/pt_5.flac", *(f"pt_{number}.flac" for number in range(5))]


@pytest.mark.slow
def test_a_folder_with_bad_files_gives_what_the_shell_gives_and_a_report(folder, batch, tmp_path, decoded, capsys):
    assert batch(folder, "--recursive", "-f", "json") == EXIT_FAILED
    assert written(tmp_path / "out") == singly(folder, GOOD, tmp_path / "single")
    rows = report(tmp_path / "out")
    assert {path: row["error"]["code"] for path, row in rows.items() if row["status"] == "failed"} == BAD
    for path in GOOD:
        row = rows[path]
        assert (row["status"], row["error"], row["warnings"]) == ("done", None, [])
        assert row["audio_seconds"] == round(soundfile.info(folder / path).duration, 3)
        assert row["work_seconds"] > 0 and 0.9 < row["confidence"] <= 1
    said = capsys.readouterr().err
    assert "9 of 9: " in said and " hours of audio per hour, " in said
    assert "report.jsonl: 6 done, 3 failed" in said
    assert "estimates" not in said
    for path in BAD:
        assert str(folder / path) in rows[path]["error"]["message"]

    decoded.clear()
    before = {path: (tmp_path / "out" / f"{path}.json").stat().st_mtime_ns for path in GOOD}
    assert batch(folder, "--recursive", "-f", "json") == EXIT_FAILED
    assert decoded == [], "what is finished is skipped"
    assert {path: (tmp_path / "out" / f"{path}.json").stat().st_mtime_ns for path in GOOD} == before
    again = report(tmp_path / "out")
    assert {path: again[path] for path in GOOD} == {path: rows[path] for path in GOOD} and again.keys() == rows.keys()


@pytest.mark.slow
def test_only_what_has_changed_is_done_again(folder, batch, tmp_path, decoded, capsys):
    listed = tmp_path / "list.txt"
    listed.write_text("in/pt_0.flac\nin/pt_1.flac\n./in/pt_0.flac\n\nin/pt_2.flac\n")
    assert batch(listed) == EXIT_DONE
    out = tmp_path / "out" / "in"
    assert sorted(os.listdir(out)) == ["pt_0.flac.txt", "pt_1.flac.txt", "pt_2.flac.txt"]
    (out / "pt_0.flac.txt").write_text("corrected by hand")
    shutil.copy(folder / "pt_3.flac", folder / "pt_1.flac")
    decoded.clear()
    assert batch(listed) == EXIT_DONE
    assert len(decoded) == 1
    texts = ["corrected by hand", *(f"{recordings_in(RECORDINGS, 'pt')[number].reference}\n" for number in (3, 2))]
    assert [(out / f"pt_{number}.flac.txt").read_text() for number in range(3)] == texts
    (out / "pt_0.flac.txt").unlink()
    decoded.clear()
    assert batch(listed) == EXIT_DONE
    assert len(decoded) == 1 and (out / "pt_0.flac.txt").exists(), "what is gone is written again"
    decoded.clear()
    assert batch(listed, "--context", "Helena") == EXIT_DONE
    assert len(decoded) == 3, "other options are another job"
    assert "times are estimates" not in capsys.readouterr().err
    decoded.clear()
    assert batch(listed, "--context", "Helena", "-f", "txt", "-f", "srt") == EXIT_DONE
    assert len(decoded) == 3, "one of the formats is missing"
    assert capsys.readouterr().err.count("note: times are estimates; --align measures them") == 1


@pytest.mark.slow
def test_shards_make_each_output_once_and_each_has_its_report(folder, batch, tmp_path, decoded):
    codes = {batch(folder, "--recursive", "-f", "json", "--shard", f"{number}/3") for number in range(3)}
    assert codes <= {EXIT_DONE, EXIT_FAILED} and EXIT_FAILED in codes
    assert len(decoded) == len(GOOD)
    parts = [report(tmp_path / "out", f"report-{number}-of-3.jsonl") for number in range(3)]
    assert sorted(path for part in parts for path in part) == sorted([*GOOD, *BAD])
    assert all(len(part) < len(GOOD) for part in parts)
    assert batch(folder, "--recursive", "-f", "json", out="whole") == EXIT_FAILED
    assert written(tmp_path / "out") == written(tmp_path / "whole")
    (folder / "pt_1.flac").unlink()
    (folder / "new.flac").symlink_to(folder / "pt_2.flac")
    decoded.clear()
    assert batch(folder, "--recursive", "-f", "json") == EXIT_FAILED  # split in another way: only what is new is done
    assert len(decoded) == 1
    assert report(tmp_path / "out").keys() == {*GOOD, *BAD, "new.flac"}, "one report of all parts"


def test_a_cut_recording_is_incomplete_again_when_it_is_skipped(tmp_path, batch, decoded):
    (tmp_path / "in").mkdir()
    sound, rate = soundfile.read(one_recording("pt").path)
    soundfile.write(tmp_path / "whole.wav", sound, rate)
    content = (tmp_path / "whole.wav").read_bytes()
    (tmp_path / "in" / "cut.wav").write_bytes(content[: len(content) * 2 // 3])
    for windows in (1, 0):
        assert batch(tmp_path / "in") == EXIT_INCOMPLETE
        row = report(tmp_path / "out")["cut.wav"]
        assert row["status"] == "incomplete" and row["error"] is None
        assert any("cut off" in warning["message"] or "damaged" in warning["message"] for warning in row["warnings"])
        assert len(decoded) == windows
        decoded.clear()


@pytest.mark.slow
def test_an_unexpected_error_is_a_row_and_the_others_are_done(folder, batch, tmp_path, monkeypatch):
    stream = LocalEngine.stream

    def fail_first(self, waveforms, *arguments):
        monkeypatch.setattr(LocalEngine, "stream", stream)
        raise RuntimeError("out of order")

    monkeypatch.setattr(LocalEngine, "stream", fail_first)
    assert batch(folder, "--recursive", "-f", "json", "--no_language_check") == EXIT_FAILED
    rows = report(tmp_path / "out")
    longest = max(GOOD, key=lambda place: soundfile.info(folder / place).duration)
    assert rows[longest]["error"] == {
        "code": "unexpected",
        "message": f"{folder / longest}: RuntimeError: out of order",
    }
    assert sum(row["status"] == "done" for row in rows.values()) == len(GOOD) - 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_batch_continues_with_what_it_had_decoded(tmp_path, decoded):
    """SIGKILL as soon as the first window of the second of three recordings is kept."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, seconds, silence in (("a", 60, 0), ("b", 4, 60), ("c", 4, 0)):
        sound = np.append(repeated("pt", seconds), np.zeros(silence * 16000, np.float32))
        soundfile.write(folder / f"{name}.flac", sound, 16000)
    options = ["--direction", "pt", "--checkpoint", "tiny", "-f", "json", "-o", str(out)]
    journal = out / "a.flac.pt.journal"
    command = [sys.executable, "-m", "kikitori", "batch", str(folder), *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert set(written(out)) == {"b.flac.json", journal.name}
    kept = len(list(read_records(journal))) - 1
    before = (out / "b.flac.json").stat().st_mtime_ns

    decoded.clear()
    assert main(["batch", str(folder), *options]) == EXIT_DONE
    windows = sum(decoded)
    assert (out / "b.flac.json").stat().st_mtime_ns == before
    decoded.clear()
    assert written(out) == singly(folder, ["a.flac", "b.flac", "c.flac"], tmp_path / "single")
    assert {row["status"] for row in report(out).values()} == {"done"} and len(report(out)) == 3
    whole = sum(decoded)
    assert 0 < windows < whole - kept


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["/in/a.wav", "in/a.wav"], "/in/a.wav and in/a.wav would both be written to"),
        (["../in/a.wav", "in/a.wav"], "would both be written to"),
        (["out/a.wav.txt", "a.wav"], "a.wav.txt is read by this command"),
        ([""], "holds no recordings"),
        (["a.wav", "b\0.wav"], "it is not text: write one path per line"),
    ],
)
def test_outputs_that_would_collide_are_an_error_before_the_start(tmp_path, batch, capsys, lines, message):
    (tmp_path / "list").write_text("\n".join(lines))
    assert batch(tmp_path / "list") == EXIT_FAILED
    said = capsys.readouterr().err
    assert message in said and "loading" not in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["in", "--shard", "3/3", "-o", "out"], "there is no shard 3/3: choose one of 0/3 to 2/3"),
        (["in", "--shard", "1", "-o", "out"], "1 is not a shard: write I/N, such as 0/4"),
        (["in"], "name the folder for the output with -o"),
        (["in", "more", "-o", "out"], "name one list or one folder of recordings"),
        (["call.wav", "-o", "out"], "call.wav is a recording: name a list of recordings or a folder"),
        (["in", "-o", "out", "--skip_existing"], "what is finished is skipped anyway"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_read(options, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["batch", *options, "--direction", "pt"])
    assert message in capsys.readouterr().err


def test_two_lists_may_share_an_output_folder(folder, batch, tmp_path, decoded):
    (folder / "reports_2025.jsonl").write_text("[]\n")
    for name, lines in {"one": ["pt_0.flac"], "two": ["pt_1.flac", "pt_2.flac"]}.items():
        (folder / name).write_text("\n".join(lines))
        assert batch(folder / name, out="in") == EXIT_DONE
    assert list(report(folder)) == ["pt_1.flac", "pt_2.flac", "pt_0.flac"]
    decoded.clear()
    assert batch(folder / "one", out="in") == EXIT_DONE
    assert decoded == [] and list(report(folder)) == ["pt_0.flac", "pt_1.flac", "pt_2.flac"]


@pytest.mark.parametrize("content", ["my own report\n", '{"path": "pt_0.flac", "mine": true}\n'])
def test_a_report_that_is_none_is_not_replaced(folder, batch, tmp_path, capsys, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.jsonl").write_text(content)
    assert batch(folder) == EXIT_FAILED
    assert "it is not a report of a batch" in capsys.readouterr().err
    assert (tmp_path / "out" / "report.jsonl").read_text() == content


def test_no_output_replaces_the_list_or_the_names(tmp_path, batch, capsys):
    (tmp_path / "out").mkdir()
    for name in ("a.wav.txt", "b.wav.txt"):
        (tmp_path / "out" / name).write_text("../a.wav\n../b.wav\n")
    assert batch(tmp_path / "out" / "a.wav.txt") == EXIT_FAILED
    assert "a.wav.txt is read by this command" in capsys.readouterr().err
    (tmp_path / "list").write_text("a.wav\nb.wav\n")
    assert batch(tmp_path / "list", "--context_file", tmp_path / "out" / "b.wav.txt") == EXIT_FAILED
    assert "b.wav.txt is read by this command" in capsys.readouterr().err


@pytest.mark.slow
def test_programs_can_follow_it(folder, batch, capsys):
    assert batch(folder, "--progress", "json") == EXIT_FAILED
    events = list(map(json.loads, capsys.readouterr().err.splitlines()))
    states = {event["recording"]: event["state"] for event in events if event["event"] == "end"}
    lengths = [soundfile.info(folder / path).duration for path, state in states.items() if state == "done"]
    assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) > 1, "the longest first"
    assert states["pt_0.flac"] == "done" and states["noise.wav"] == "failed" and len(states) == 7


def test_sigterm_does_afterwards_what_it_did_before(batch, tmp_path):
    def mine(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, mine)
    try:
        assert batch(tmp_path / "missing") == EXIT_FAILED
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)
