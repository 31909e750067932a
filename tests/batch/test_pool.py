"""Several workers give what one gives, in the same order."""

from __future__ import annotations

import json
import os
import pickle
import sys
from functools import partial

import pytest

from benchmarks.served import ROOT
from evaluation.data import DataError
from evaluation.run import main as evaluate
from kikitori.batch.cluster import Cluster, measure_cluster
from kikitori.batch.pool import do_in_order
from kikitori.errors import BatchError, DamagedError
from tests.support.recordings import RECORDINGS
from training.prepare import main as prepare


class Squarer:
    """Squares numbers, but 13 ends it, and 7 is an error."""

    def __init__(self, offset: int):
        if offset < 0:
            raise DataError("negative")
        self._offset = offset

    def do(self, number: int) -> tuple[int, int]:
        if number == 13:
            os._exit(9)
        if number == 7:
            raise DataError("seven")
        return number * number + self._offset, os.getpid()


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks_from_other_processes():
    taken = []
    tasks = ((taken.append(number) or number,) for number in range(100, 140))
    results = do_in_order(partial(Squarer, 1), tasks, 2)
    assert next(results)[0] == 10001
    assert len(taken) < 20, "a large set is not read at once"
    pairs = list(results)
    assert [value for value, _ in pairs] == [number * number + 1 for number in range(101, 140)]
    assert os.getpid() not in {process for _, process in pairs}
    assert list(do_in_order(partial(Squarer, 1), [(2,)], 1)) == [(5, os.getpid())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("offset", "number", "error", "message"),
    [(-1, 1, DataError, "negative"), (0, 7, DataError, "seven"), (0, 13, BatchError, "needed too much memory")],
    ids=["while loading", "in a task", "lost"],
)
def test_an_error_of_a_worker_is_that_of_the_job(offset, number, error, message):
    with pytest.raises(error, match=message):
        list(do_in_order(partial(Squarer, offset), [(number,), (2,), (3,)], 2))


def test_an_error_stays_what_it_is_in_another_process():
    error = pickle.loads(pickle.dumps(DamagedError("a.wav", 1.5)))
    assert type(error) is DamagedError and (error.code, error.seconds) == ("damaged", 1.5)
    assert str(error) == str(DamagedError("a.wav", 1.5))


@pytest.mark.parametrize(
    ("machines", "wanted", "cores", "workers"),
    [
        ([2], 1, 2, 1),
        ([2], 2, 1, 2),
        ([2], 5, 1, 2),
        ([16], 2, 4, 4),
        ([8], 3, 2, 4),
        ([3, 3], 3, 1, 6),
        ([8, 2], 2, 4, 2),
    ],
)
def test_as_many_workers_as_wanted_share_the_cores_of_a_cluster(machines, wanted, cores, workers):
    nodes = [{"Alive": True, "Resources": {"CPU": float(count)}} for count in machines]
    assert measure_cluster(nodes, True, None, wanted) == Cluster(len(machines), workers, {"num_cpus": cores})
    assert measure_cluster([{"Alive": False, "Resources": {}}, *nodes], True, 2, wanted).needed == {"num_cpus": 2}


@pytest.mark.slow
def test_an_evaluation_with_two_workers_equals_that_with_one(tmp_path):
    def run(name: str, *options: str) -> list[dict]:
        words = ["--data", RECORDINGS, "--direction", "pt", "--checkpoint", "tiny", "--output_dir", tmp_path / name]
        assert evaluate([*map(str, words), "--limit", "3", *options]) == 0
        lines = (tmp_path / name / "utterances.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) | {"seconds": None} for line in lines]

    assert run("two", "--workers", "2") == run("one")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="paths in manifests")
def test_data_prepared_by_two_workers_equal_those_of_one(tmp_path):
    def run(name: str, *options: str) -> dict[str, bytes]:
        words = ["--data", RECORDINGS, "--direction", "diarize", "--output_dir", tmp_path / name]
        assert prepare([*map(str, words), "--held_out", str(held / "manifest.jsonl"), *options]) == 0
        paths = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in paths}

    held = tmp_path / "held"
    words = ["--data", ROOT / "examples", "--direction", "diarize", "--output_dir", held, "--split", "test"]
    assert prepare(list(map(str, words))) == 0
    one = run("one")
    assert len(one) > 4 and run("two", "--workers", "2") == one


@pytest.mark.parametrize("workers", ["0", "two"])
def test_a_number_of_workers_that_is_none_is_refused(workers, capsys):
    with pytest.raises(SystemExit, match="2"):
        prepare(["--data", "in", "--direction", "pt", "--output_dir", "out", "--workers", workers])
    assert f"{workers} is not a number of workers" in capsys.readouterr().err
