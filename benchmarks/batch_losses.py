"""A batch on one worker, on two workers, and on two while a process and a machine are killed.

`python -m benchmarks.batch_losses` prints the seconds of each, and whether all outputs are the same. The recordings are
all different, and each output has to be there once. The machines are two nodes of Ray on this one, with one core each
and the smallest object store that Ray allows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import soundfile

from benchmarks.served import ROOT
from kikitori.cli.run import EXIT_DONE, EXIT_INCOMPLETE
from kikitori.output.jsonl import read_records

CLIP = ROOT / "examples" / "portuguese_daily.flac"
SECONDS = 3
OBJECT_STORE = 75 * 1024 * 1024
"""In bytes; Ray allows no less."""


def main(argv: list[str] | None = None) -> int:
    """Run the batch three times. Returns 1 if an output is missing or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=200)
    count = parser.parse_args(argv).recordings
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_recordings(folder / "in", count)
        runs = {"one worker": 1, "two workers, with losses": 2, "two workers": 2}
        outputs = []
        for number, (said, machines) in enumerate(runs.items()):
            seconds = on_cluster(folder / "in", folder / str(number), machines, count if "losses" in said else 0)
            outputs.append(check(folder / str(number), count))
            print(f"{said}: {seconds:.0f} s, {len(outputs[-1])} outputs", flush=True)
    are_equal = all(texts == outputs[0] for texts in outputs)
    print("all outputs are the same" if are_equal else "OUTPUTS DIFFER")
    return not are_equal


def make_recordings(folder: Path, count: int) -> None:
    """Cut as many different pieces out of an example."""
    folder.mkdir()
    sound, rate = soundfile.read(CLIP, dtype="float32")
    length = SECONDS * rate
    for number in range(count):
        begin = number * (len(sound) - length) // count
        soundfile.write(folder / f"{number}.flac", sound[begin : begin + length], rate)


def on_cluster(source: Path, out: Path, machines: int, losses_among: int) -> float:
    """Run a batch on a new cluster; return its seconds. losses_among: how many recordings there are, or 0.

    With losses, a worker's process is killed after a quarter of them, and a machine after a half.
    """
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        others = [cluster.add_node(**node) for _ in range(machines - 1)]
        command = [sys.executable, "-m", "kikitori", "batch", source, "--direction", "pt", "--checkpoint", "tiny"]
        command += ["-f", "json", "-o", out, "--cores", "1", "--device", "cpu", "--no_language_check"]
        environment = os.environ | {"RAY_ADDRESS": cluster.address, "PYTHONWARNINGS": "ignore"}
        begun = time.monotonic()
        with (
            (out.parent / f"{out.name}.log").open("wb") as log,
            subprocess.Popen(list(map(str, command)), cwd=ROOT, env=environment, stderr=log) as process,
        ):
            if losses_among:
                _lose(out, process, losses_among // 4, kill_worker)
                _lose(out, process, losses_among // 2, lambda: cluster.remove_node(others[0], allow_graceful=False))
        if process.returncode not in (EXIT_DONE, EXIT_INCOMPLETE):  # a cut word may be in other letters
            print((out.parent / f"{out.name}.log").read_text())
        return time.monotonic() - begun
    finally:
        cluster.shutdown()


def kill_worker() -> None:
    """Kill one of the processes that transcribe."""
    workers = [one for one in psutil.Process().children(recursive=True) if "_Actor.do" in " ".join(one.cmdline())]
    workers[0].kill()


def _lose(out: Path, process: subprocess.Popen, count: int, kill: Callable[[], object]) -> None:
    while process.poll() is None and len(list(out.glob("*.json"))) < count:
        time.sleep(0.1)
    done = len(list(out.glob("*.json")))
    kill()
    print(f"killed after {done} recordings", flush=True)


def check(out: Path, count: int) -> dict[str, str]:
    """Return the outputs by name. Each recording has one row, and none has failed."""
    rows = list(read_records(out / "report.jsonl"))
    assert len({row["path"] for row in rows}) == len(rows) == count
    assert not any(row["error"] for row in rows)
    return {path.name: path.read_text(encoding="utf-8") for path in out.iterdir() if path.suffix == ".json"}


if __name__ == "__main__":
    raise SystemExit(main())
