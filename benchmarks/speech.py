"""How long it takes to find speech: `python -m benchmarks.speech` prints a table.

Kikitori passes all steps of a recording through the detector's convolutions at once; the detector's own call takes one
step after another. Both get the same rows in turns, on one thread. Printed are the medians of the processor's time and
their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.served import ROOT
from kikitori.audio import silero, vad
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio

CALL = ROOT / "examples" / "call_appointment.flac"
SECONDS = (3, 15, 300)
"""Lengths of the recordings; the call is repeated where it is shorter."""
ROUNDS = 5


def main(argv: list[str] | None = None) -> None:
    """Print one row per length."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    rounds = parser.parse_args(argv).rounds
    torch.set_num_threads(1)
    call = load_audio(CALL)
    print("| recording | step by step | at once | ratio | largest difference |\n|" + " --- |" * 5, flush=True)
    for seconds in SECONDS:
        waveform = np.resize(call, seconds * SAMPLE_RATE)
        rows = torch.from_numpy(vad._rows(waveform, -(-len(waveform) // silero.STEP_SAMPLES)))
        print(f"| {seconds} s | {' | '.join(_cells(rows, rounds))} |", flush=True)


@torch.inference_mode()
def _cells(rows: torch.Tensor, rounds: int) -> list[str]:
    ways = (silero.step_by_step, silero.at_once)
    difference = float((ways[0](rows) - ways[1](rows)).abs().max())
    times = [[_seconds(way, rows) for way in ways] for _ in range(rounds)]
    slow, fast = (statistics.median(column) for column in zip(*times, strict=True))
    return [f"{slow * 1000:.1f} ms", f"{fast * 1000:.1f} ms", f"{slow / fast:.1f}", f"{difference:.0e}"]


def _seconds(way: Callable[[torch.Tensor], torch.Tensor], rows: torch.Tensor) -> float:
    clock = time.process_time()
    way(rows)
    return time.process_time() - clock


if __name__ == "__main__":
    main()
