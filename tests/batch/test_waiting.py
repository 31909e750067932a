"""A Ray cluster whose machines are gone: the job says that it waits, goes on with a new one, and ends if none comes."""

from __future__ import annotations

import sys
import threading
import time

import psutil
import pytest

from kikitori.batch import cluster
from kikitori.batch.cluster import joined_cluster
from kikitori.errors import BatchError

pytest.importorskip("ray", reason="Ray is not installed: pip install 'kikitori[cluster]'")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")]


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Ray and the job notice within a second or two that a machine is lost."""
    monkeypatch.setattr(cluster, "CHECK_SECONDS", 0.2)
    for name, value in (("initial_delay_ms", 0), ("period_ms", 300), ("timeout_ms", 1000), ("failure_threshold", 3)):
        monkeypatch.setenv(f"RAY_health_check_{name}", str(value))


def when_begun(path, act) -> None:
    """Do something as soon as a task has begun, in a thread."""

    def wait() -> None:
        while not path.exists():
            time.sleep(0.05)
        act()

    threading.Thread(target=wait, daemon=True).start()


def results(joined, folder, say=print) -> list[int]:
    """The results of three tasks. Each makes a file when it begins, and the second one sleeps the first time."""

    class Sleeper:  # in a function, so that Ray sends it to its workers, which can't import this module
        def do(self, number: int) -> int:
            begun = folder / str(number)
            if not begun.exists():
                begun.touch()
                time.sleep(100 * (number == 1))
            return number

    return sorted(number for _, number in joined.do_all(Sleeper, [(0,), (1,), (2,)], 1, say))


def test_a_machine_that_is_alone_and_lost_ends_the_job(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("RAY_ADDRESS", "local")

    def kill_node() -> None:
        for process in psutil.Process().children(recursive=True):
            if process.name() == "raylet":
                process.kill()

    when_begun(tmp_path / "1", kill_node)
    with joined_cluster(False, 1) as joined, pytest.raises(BatchError, match=r"this machine .* run the same command"):
        results(joined, tmp_path)
    said = "".join(capfd.readouterr())
    assert "raylet" in said and "\033[" not in said, "what Ray prints has no colours in a file"


def test_a_new_machine_is_waited_for_but_not_for_ever(tmp_path, monkeypatch):
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    monkeypatch.setenv("RAY_ADDRESS", machines.address)
    nodes = [machines.add_node(num_cpus=1)]
    said = []

    def say(message: str) -> None:
        said.append(message)
        nodes.append(machines.add_node(num_cpus=1))

    try:
        when_begun(tmp_path / "1", lambda: machines.remove_node(nodes[0], allow_graceful=False))
        with joined_cluster(False) as joined:
            assert results(joined, tmp_path, say) == [0, 1, 2]
            (line,) = said
            assert line.startswith("waiting for a worker: ") and "10 min" in line
            machines.remove_node(nodes[1], allow_graceful=False)
            monkeypatch.setattr(cluster, "WAIT_SECONDS", 0.5)
            with pytest.raises(BatchError, match=r"has had no machine for a worker for 0\.5 s.* run the same command"):
                results(joined, tmp_path)
    finally:
        machines.shutdown()
