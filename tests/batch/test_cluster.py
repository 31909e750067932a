"""`kikitori batch` on a Ray cluster: the outputs are those of the shell, whatever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import soundfile

from benchmarks.served import ROOT
from kikitori.cli.run import EXIT_DONE, EXIT_FAILED
from kikitori.output.jsonl import read_records
from tests.support.batch import BAD, report, singly, written
from tests.support.recordings import repeated

pytest.importorskip("ray", reason="Ray is not installed: pip install 'kikitori[cluster]'")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]

GOOD = ["deep/pt_5.flac", *(f"pt_{number}.flac" for number in range(5))]


@contextmanager
def started(source: Path, out: Path, *options: str, address: str = "local", path: str = ""):
    """A running batch on a Ray cluster that ends with it, or on one with an address. path: first in PYTHONPATH."""
    command = [sys.executable, "-m", "kikitori", "batch", source, "--checkpoint", "tiny", "-f", "json", "-o", out]
    environment = os.environ | {"RAY_ADDRESS": address, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    environment["PYTHONWARNINGS"] = "ignore"
    with subprocess.Popen(list(map(str, [*command, *options])), cwd=ROOT, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_windows(journal: Path, process: subprocess.Popen) -> list[str]:
    """Wait until a recording's first windows are kept, and return them."""
    while process.poll() is None:
        if kept := [record["window"] for record in read_records(journal) if "window" in record]:
            return kept
        time.sleep(0.01)
    raise AssertionError("it ended too early")


def workers(process: psutil.Process) -> list[psutil.Process]:
    return [one for one in process.children(recursive=True) if "_Actor" in " ".join(one.cmdline())]


@pytest.fixture
def calls(tmp_path) -> Path:
    """A long call and a short one."""
    folder = tmp_path / "calls"
    folder.mkdir()
    for name, seconds in (("long", 90), ("short", 10)):
        soundfile.write(folder / f"{name}.flac", repeated("diarize", seconds), 16000)
    return folder


def assert_equals_the_shell(calls: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for left in out.glob(".*.tmp"):  # by a worker that was killed while it wrote an output
        left.unlink()
    assert written(out) == singly(calls, ["long.flac", "short.flac"], tmp_path / "single", "diarize")
    assert Counter(row["status"] for row in report(out).values()) == {"done": 2}


@pytest.mark.parametrize("cores", ["1", "2"], ids=["two workers", "one worker"])
def test_the_outputs_are_those_of_the_shell_and_bad_files_are_rows(folder, tmp_path, cores):
    if os.cpu_count() < 2:
        pytest.skip("one core: two workers need two")
    with started(folder, tmp_path / "out", "--recursive", "--direction", "pt", "--cores", cores) as process:
        assert process.wait() == EXIT_FAILED
    rows = report(tmp_path / "out")
    assert {path: row["error"]["code"] for path, row in rows.items() if row["error"]} == BAD
    assert written(tmp_path / "out") == singly(folder, GOOD, tmp_path / "single")


def test_a_killed_worker_costs_at_most_the_open_windows(calls, tmp_path):
    journal = tmp_path / "out" / "long.flac.diarize.journal"
    with started(calls, tmp_path / "out", "--direction", "diarize", "--cores", "1") as process:
        kept = wait_for_windows(journal, process)
        killed = workers(psutil.Process(process.pid))
        assert killed
        for worker in killed:
            worker.kill()
        copy = tmp_path / "journal"
        while process.poll() is None:  # the journal is removed in the end
            if journal.exists():
                copy.write_bytes(journal.read_bytes())
            time.sleep(0.01)
        assert process.wait() == EXIT_DONE
    again = Counter(record["window"] for record in read_records(copy) if "window" in record)
    assert again.keys() > set(kept) and set(again.values()) == {1}
    assert_equals_the_shell(calls, tmp_path)


def test_a_recording_that_ends_each_of_its_workers_is_a_row(folder, tmp_path):
    """It is begun three times; the others are done."""
    hook = """
import os, sys

def hook(event, values):
    if event == "open" and str(values[0]).endswith("pt_1.flac") and "default_worker.py" in "".join(sys.orig_argv):
        os._exit(9)

sys.addaudithook(hook)
"""
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(hook)
    options = ["--direction", "pt", "--cores", "1", "--no_language_check"]
    with started(folder, tmp_path / "out", *options, path=str(tmp_path / "hook")) as process:
        assert process.wait() == EXIT_FAILED
    rows = report(tmp_path / "out")
    assert rows["pt_1.flac"]["error"]["code"] == "worker_lost"
    assert [rows[f"pt_{number}.flac"]["status"] for number in (0, 2, 3, 4)] == ["done"] * 4


def test_a_machine_that_is_lost_leaves_its_recording_to_the_others(calls, tmp_path):
    """Two nodes of Ray on this machine; the one that works on the long call is killed."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        nodes = [cluster.head_node, cluster.add_node(num_cpus=1)]
        journal = tmp_path / "out" / "long.flac.diarize.journal"
        options = ["--direction", "diarize", "--cores", "1"]
        with started(calls, tmp_path / "out", *options, address=cluster.address) as process:
            wait_for_windows(journal, process)
            cluster.remove_node(nodes[1], allow_graceful=False)
            assert process.wait() == EXIT_DONE
    finally:
        cluster.shutdown()
    assert_equals_the_shell(calls, tmp_path)


def test_machines_that_are_too_small_are_an_error(calls, tmp_path):
    with started(calls, tmp_path / "out", "--direction", "diarize", "--cores", "1000") as process:
        assert process.wait() == EXIT_FAILED
    assert written(tmp_path / "out") == {}


def test_an_interrupt_ends_it(calls, tmp_path):
    with started(calls, tmp_path / "out", "--direction", "diarize", "--cores", "1") as process:
        wait_for_windows(tmp_path / "out" / "long.flac.diarize.journal", process)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130
