"""What it costs that threads spin while they wait: `python -m benchmarks.waiting`.

torch's threads (libgomp) wait for each other in a loop, up to GOMP_SPINCOUNT rounds. On a quiet machine that is the
fastest way. Where other processes need the cores, a thread that spins keeps them from the thread it waits for. Each
setting runs in processes of its own, all of them in turns, alone and beside busy processes. Printed are the median
times to transcribe recordings one by one, and their ratio to libgomp's own setting in the same surroundings.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DEFAULT = 300_000
"""libgomp's own setting."""
SETTINGS = (DEFAULT, 30_000, 10_000, 3_000, 1_000, 100, 0)
BUSY = 4
"""Busy processes beside the one that is measured."""
CLIPS = 13
REAL_SECONDS, REAL_TOKENS = 10, 16
"""The clip and its text in the real shape, whose random weights never end a text."""


def main(argv: list[str] | None = None) -> None:
    """Measure all settings and print a table, or with --once measure in this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting", description=__doc__)
    parser.add_argument("--shape", choices=["tiny", "1.7b"], default="tiny")
    parser.add_argument("--rounds", type=int, default=5, help="processes per setting (default: 5)")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.once:
        print(_median_seconds(options.shape))
        return
    print(f"| GOMP_SPINCOUNT | alone | beside {BUSY} busy processes |\n| --- | --- | --- |", flush=True)
    alone = _measure(options.shape, options.rounds)
    with _busy_processes():
        busy = _measure(options.shape, options.rounds)
    for setting in SETTINGS:
        cells = (f"{row[setting]:.3f} s ({row[setting] / row[DEFAULT]:.2f})" for row in (alone, busy))
        print(f"| {setting:,} | {' | '.join(cells)} |")


def _measure(shape: str, rounds: int) -> dict[int, float]:
    """Return the median of all rounds in seconds, by setting."""
    times: dict[int, list[float]] = {setting: [] for setting in SETTINGS}
    for _ in range(rounds):
        for setting in SETTINGS:
            times[setting].append(_seconds_in_process(shape, setting))
    return {setting: statistics.median(measured) for setting, measured in times.items()}


def _seconds_in_process(shape: str, setting: int) -> float:
    environment = os.environ | {"GOMP_SPINCOUNT": str(setting)}
    command = [sys.executable, "-m", "benchmarks.waiting", "--once", "--shape", shape]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@contextmanager
def _busy_processes() -> Iterator[None]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _median_seconds(shape: str) -> float:
    """Return how long the clips take one by one, the median of several times after one that warms up."""
    work, repeats = _tiny_work() if shape == "tiny" else _real_work()
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _tiny_work() -> tuple[Callable[[], object], int]:
    """Return what to measure with the tiny checkpoint, and how many times."""
    from benchmarks.agreement import recorded_clips
    from kikitori.model.generate import decode
    from kikitori.model.recognizer import load_recognizer
    from kikitori.tasks import TINY

    recognizer = load_recognizer(str(TINY.folder))
    clips = sorted(recorded_clips(), key=lambda clip: len(clip.waveform))[:CLIPS]
    return lambda: [decode(recognizer, [clip.waveform], clip.language) for clip in clips], 7


def _real_work() -> tuple[Callable[[], object], int]:
    """Return what to measure with the real shape, and how many times."""
    import numpy as np
    import torch

    from benchmarks.shapes import random_qwen_model
    from kikitori.audio.files import SAMPLE_RATE
    from kikitori.model.generate import decode
    from kikitori.model.recognizer import Recognizer

    recognizer = Recognizer(random_qwen_model("1.7b", torch.bfloat16, "cpu"))
    noise = np.random.default_rng(0).normal(0, 0.1, REAL_SECONDS * SAMPLE_RATE).astype(np.float32)
    return lambda: decode(recognizer, [noise], None, max_tokens=REAL_TOKENS), 1


if __name__ == "__main__":
    main()
