"""A batch that is interrupted or has nothing left to do: no half outputs, and no work that is not needed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import soundfile

from kikitori.cli.run import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from kikitori.engines.local import LocalEngine
from tests.support.batch import BAD, report, written
from tests.support.recordings import repeated


@pytest.fixture
def talk(tmp_path) -> Path:
    """A folder with a recording of two windows, which are decoded one after the other."""
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "talk.flac", repeated("pt", 52), 16000)
    return folder


@pytest.fixture
def heeds_ctrl_c():
    """A shell starts its background jobs so that they ignore Ctrl-C, and these tests may run in one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_leaves_no_part_of_an_output_and_the_next_run_continues(
    talk, batch, tmp_path, decoded, monkeypatch, capsys, number
):
    stream = LocalEngine.stream

    def interrupt_second(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None and len(decoded) == 1:
            signal.raise_signal(number)
        return stream(self, waveforms, prompt, max_tokens)

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "stream", interrupt_second)
        assert batch(talk, "-f", "json", "-f", "srt") == EXIT_INTERRUPTED
    assert "interrupted: the same command continues" in capsys.readouterr().err
    assert set(written(tmp_path / "out")) == {"talk.flac.pt.journal"}
    assert batch(talk, "-f", "json", "-f", "srt") == EXIT_DONE
    assert sum(decoded) == 2, "what was decoded before the interrupt is kept"
    assert batch(talk, "-f", "json", "-f", "srt", out="undisturbed") == EXIT_DONE
    made = written(tmp_path / "out")
    assert set(made) == {"talk.flac.json", "talk.flac.srt"} and made == written(tmp_path / "undisturbed")


def test_a_recording_that_fails_in_its_middle_leaves_no_part_of_an_output(talk, batch, tmp_path, decoded, monkeypatch):
    stream = LocalEngine.stream

    def fail_second(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None and len(decoded) == 1:
            raise RuntimeError("out of order")
        return stream(self, waveforms, prompt, max_tokens)

    monkeypatch.setattr(LocalEngine, "stream", fail_second)
    assert batch(talk) == EXIT_FAILED
    assert set(written(tmp_path / "out")) == {"talk.flac.pt.journal"}
    row = report(tmp_path / "out")["talk.flac"]
    assert (row["error"]["code"], row["outputs"]) == ("unexpected", {})


def test_no_checkpoint_is_loaded_for_what_is_finished_or_no_sound(folder, batch, tmp_path, monkeypatch, capsys):
    assert batch(folder, "--recursive") == EXIT_FAILED
    before = report(tmp_path / "out")
    capsys.readouterr()
    monkeypatch.delattr("kikitori.batch.worker.load_run")
    assert batch(folder, "--recursive") == EXIT_FAILED
    said = capsys.readouterr().err
    assert "loading" not in said
    assert said.endswith("report.jsonl: 6 done, 3 failed; skipped, because an earlier run has finished them: 6\n")
    assert report(tmp_path / "out") == before
    assert {path for path, row in before.items() if row["work_seconds"] is None} == set(BAD)


def test_a_batch_that_needs_another_engine_or_model_does_its_recordings_again(folder, batch, decoded):
    (folder / "list").write_text("pt_0.flac\n")
    for options in ([], ["--weights", "int8"], ["--no_language_check"]):
        decoded.clear()
        assert batch(folder / "list", *options) == batch(folder / "list", *options) == EXIT_DONE
        assert decoded == [1], options


def test_a_list_of_json_is_refused_and_a_line_is_a_path_whatever_it_begins_with(folder, batch, tmp_path, capsys):
    (tmp_path / "list.jsonl").write_text('{"path": "in/pt_0.flac"}\n')
    assert batch(tmp_path / "list.jsonl") == EXIT_FAILED
    assert "list.jsonl cannot be opened (its lines are JSON: write one path per line)" in capsys.readouterr().err
    os.rename(folder / "pt_0.flac", folder / "#0.flac")
    (folder / "list.txt").write_text("#0.flac\nnowhere.flac\n")
    assert batch(folder / "list.txt") == EXIT_FAILED
    rows = report(tmp_path / "out")
    assert (rows["#0.flac"]["status"], list(rows)) == ("done", ["#0.flac", "nowhere.flac"])
    assert rows["nowhere.flac"]["error"]["message"] == f"{folder}/nowhere.flac does not exist: check the path"
