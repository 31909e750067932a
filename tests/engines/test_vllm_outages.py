"""A server that stays away is reported once, and a window that it refuses costs one recording, not the job."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from kikitori.cli.run import EXIT_DONE, EXIT_FAILED, main
from kikitori.engines.engine import Prompt
from kikitori.engines.vllm import outages
from kikitori.engines.vllm.addresses import on_engine
from kikitori.engines.vllm.engine import AWAY_SECONDS, VllmEngine
from kikitori.errors import ServerError
from kikitori.result import last
from kikitori.server.job_log import BROKEN
from kikitori.server.jobs import JobOptions, run_job
from kikitori.server.logging import JsonLines
from kikitori.tasks import TINY, TINY_ALIGNER, choose_checkpoints
from tests.support.batch import report
from tests.support.recordings import RECORDINGS, recordings_in
from tests.support.scripted_server import serving

SOUND = np.zeros(16000, dtype=np.float32)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("kikitori.engines.vllm.engine.RETRY_SECONDS", 0.02)


@pytest.fixture
def server():
    with serving() as server:
        yield server


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three Portuguese recordings, the middle one the longest."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name, recording in zip("abc", recordings_in(RECORDINGS, "pt"), strict=False):
        shutil.copy(recording.path, folder / f"{name}.flac")
    sound, rate = soundfile.read(folder / "b.flac")
    soundfile.write(folder / "b.flac", np.resize(sound, 20 * rate), rate)
    return folder


def batch(folder: Path, url: str, *options: str) -> int:
    words = ["batch", folder, "--direction", "pt", "--checkpoint", "tiny", "-o", folder.parent / "out", *options]
    return main([*map(str, words), "--no_language_check", "--engine", "vllm", "--engine-url", url])


def decode(url: str, windows: int) -> None:
    engine = VllmEngine(replace(TINY, urls=(url,)), TINY_ALIGNER)
    last(engine.stream([SOUND] * windows, Prompt("Portuguese")))


def test_an_outage_is_one_line_and_its_end_another(server, caplog):
    server.faults = [503] * 12
    decode(server.url, 3)
    away, back = [record for record in caplog.records if record.name == outages.LOG.name]
    assert away.getMessage() == (
        f"the engine {server.url} does not answer (503 the engine is dead): it is asked again for up to 10 min"
    )
    assert back.getMessage() == f"the engine {server.url} answers again"
    line = json.loads(JsonLines().format(away))
    assert (line["event"], line["level"], line["seconds"]) == ("engine away", "WARNING", 600)
    assert line["reason"] == f"{server.url}: 503 the engine is dead"


def test_what_succeeds_the_second_time_is_no_outage(server, caplog):
    server.faults = [503]
    decode(server.url, 1)
    assert caplog.records == [] and len(server.bodies) == 2


@pytest.mark.parametrize("is_its_turn", [True, False])
def test_a_server_that_was_away_gets_windows_again_next_to_another(server, is_its_turn, monkeypatch):
    monkeypatch.setattr("kikitori.engines.vllm.engine.AWAY_SECONDS", 0 if is_its_turn else 600)
    server.faults = [503]
    with serving() as other:
        engine = VllmEngine(replace(TINY, urls=(server.url, other.url)), TINY_ALIGNER)
        for _ in range(3):
            last(engine.stream([SOUND], Prompt("Portuguese")))
    assert (len(server.bodies), len(other.bodies)) == ((4, 0) if is_its_turn else (1, 3))


def test_a_server_that_is_started_later_gets_windows_too(server, caplog, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("kikitori.engines.vllm.engine.time", SimpleNamespace(monotonic=lambda: now[0]))
    with serving() as late:
        port = late.server_port
    engine = VllmEngine(replace(TINY, urls=(late.url, server.url)), TINY_ALIGNER)
    assert engine.device_and_dtype == "vLLM 0.32.0"
    last(engine.stream([SOUND], Prompt("Portuguese")))
    now[0] = AWAY_SECONDS
    with serving(port=port) as late:
        last(engine.stream([SOUND], Prompt("Portuguese")))
        assert (len(late.bodies), len(server.bodies)) == (1, 1)
    said = [record.getMessage() for record in caplog.records if record.name == outages.LOG.name]
    assert len(said) == 2 and f"{late.url} does not answer" in said[0] and "answers again" in said[1]


@pytest.mark.parametrize("progress", ["bar", "json"])
def test_a_batch_says_that_it_waits_for_a_server(server, folder, capsys, progress):
    server.faults = [503] * 3
    assert batch(folder, server.url, "--progress", progress) == EXIT_DONE
    lines = capsys.readouterr().err.splitlines()
    if progress == "json":
        events = map(json.loads, lines)
        lines = [f"{event['level']}: {event['message']}" for event in events if event["event"] == "message"]
    said = [line for line in lines if line.startswith(f"warning: the engine {server.url} ")]
    assert len(said) == 2 and "is asked again for up to 10 min" in said[0] and said[1].endswith(" answers again")


@pytest.mark.parametrize("cause", ["server", "length"])
def test_a_recording_with_a_window_that_is_refused_is_a_row_and_the_others_are_done(server, folder, cause):
    server.faults = [400] if cause == "server" else []
    server.max_model_len = 4096 if cause == "server" else 400
    assert batch(folder, server.url) == EXIT_FAILED
    rows = report(folder.parent / "out")
    assert [rows[f"{name}.flac"]["status"] for name in "abc"] == ["done", "failed", "done"]
    error = rows["b.flac"]["error"]
    assert error["code"] == ("engine_refused" if cause == "server" else "engine_window")
    assert error["message"].startswith(f"{folder / 'b.flac'}: the engine {server.url} ")
    server.max_model_len = 4096
    assert batch(folder, server.url) == EXIT_DONE


@pytest.mark.parametrize("fault", [401, 404])
def test_what_would_refuse_any_window_ends_the_batch(server, folder, fault, capsys):
    server.faults = [fault]
    assert batch(folder, server.url) == EXIT_FAILED
    assert len(server.bodies) == 1 and report(folder.parent / "out") == {}
    assert f"error: the engine {server.url} refuses a window" in capsys.readouterr().err


def test_a_server_that_is_gone_for_good_ends_the_batch(server, folder, monkeypatch, capsys):
    monkeypatch.setattr("kikitori.engines.vllm.engine.PATIENCE_SECONDS", 0.1)
    server.faults = [503] * 100
    assert batch(folder, server.url) == EXIT_FAILED
    assert "start vLLM there" in capsys.readouterr().err and report(folder.parent / "out") == {}


def test_the_shell_goes_on_after_a_recording_that_is_refused(server, folder, capsys):
    server.faults = [400]
    words = [*sorted(folder.iterdir()), "--direction", "pt", "--checkpoint", "tiny", "--no_language_check"]
    assert main([*map(str, words), "--engine", "vllm", "--engine-url", server.url]) == EXIT_FAILED
    said = capsys.readouterr()
    assert said.out.count("Bom dia.") == 2 and f"error: {folder / 'a.flac'}: the engine" in said.err


def test_a_server_of_ours_is_not_broken_because_one_window_was_refused(server, folder):
    server.faults = [400]
    options = JobOptions("pt", on_engine(choose_checkpoints(["tiny"]), "vllm", server.url))
    BROKEN.discard("pt")
    with pytest.raises(ServerError):
        last(run_job(options, str(folder / "a.flac")))
    assert "pt" not in BROKEN and "Bom dia." in last(run_job(options, str(folder / "a.flac"))).transcript.text


def test_an_engine_without_an_address_names_the_option(capsys, folder):
    with pytest.raises(SystemExit, match="2"):
        main(["batch", str(folder), "--direction", "pt", "-o", "out", "--engine", "vllm"])
    said = capsys.readouterr().err
    assert "--engine-url http://127.0.0.1:8000" in said and "\nerror: " in said
    assert said.startswith("usage: kikitori batch LIST_OR_FOLDER")
