"""Live text: `python -m benchmarks.live` plays recordings to the tiny checkpoint and prints tables.

- How long after the end of a word it is shown and firm, whether firm text changed, and errors live and offline.
- How far several visitors at once fall behind.
- The work per second of sound, minute by minute, and for the first minutes that of upstream's method.

With --shape, only the work is measured, of a model of a real shape with random weights. Its texts never end, so each
pass is given as many tokens as speech has, and none becomes firm: an upper bound.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from unittest.mock import patch

import jiwer
import numpy as np
import torch

from benchmarks import live_upstream
from benchmarks.agreement import ROOT
from benchmarks.live_playing import play, timed_words
from benchmarks.shapes import SHAPES, random_qwen_model
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.engines.local import LocalEngine
from kikitori.live.session import LiveSession
from kikitori.model import budget
from kikitori.model.recognizer import Recognizer
from kikitori.tasks import TASKS, TINY
from kikitori.transcribe import Model, load_model, transcribe

RECORDINGS = {
    "diarize": ("tests/recordings/diarize_*.flac", "examples/call_*.flac"),
    "pt": ("tests/recordings/pt_*.flac", "examples/portuguese_*.flac"),
}
PAUSE_SECONDS = 1.0
SPEECH_TOKENS_PER_SECOND = 5
UPSTREAM_ROWS = 5
"""Upstream's method takes ever longer, so only the first rows have it."""


def main(argv: list[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__.splitlines()[0])
    parser.add_argument("--direction", choices=RECORDINGS, default="pt", help="whose recordings (default: pt)")
    parser.add_argument("--speed", type=float, default=1.0, help="of the playing; computing is not faster (default: 1)")
    parser.add_argument("--rows", type=int, default=3, help="minutes whose work is measured; 15 s with --shape")
    parser.add_argument("--visitors", type=int, default=4, help="at the same time (default: 4)")
    parser.add_argument("--shape", choices=SHAPES, help="measure the work of a real shape with random weights")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="with --shape")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(argv)
    sounds = [load_audio(path) for name in RECORDINGS[options.direction] for path in sorted(ROOT.glob(name))]
    if options.shape:
        with patch.multiple(budget, BUDGET_TOKENS=1, BUDGET_TOKENS_PER_SECOND=SPEECH_TOKENS_PER_SECOND):
            _print_work(random_model(options), sounds, options, 15)
        return
    model = load_model(options.direction, options.device, checkpoint="tiny")
    _print_delays(model, sounds, options.speed)
    _print_visitors(model, sounds, options)
    _print_work(model, sounds, options, 60)


def random_model(options: argparse.Namespace) -> Model:
    """A model of a real shape with random weights."""
    engine = object.__new__(LocalEngine)  # its constructor loads a checkpoint
    engine.name = options.shape
    engine.recognizer = Recognizer(random_qwen_model(options.shape, getattr(torch, options.dtype), options.device))
    return Model(TASKS[options.direction], TINY, engine)


def joined(sounds: Sequence[np.ndarray]) -> tuple[np.ndarray, list[float]]:
    """One sound of all with pauses between them, and when each begins."""
    parts, starts, samples = [], [], 0
    for sound in sounds:
        starts.append(samples / SAMPLE_RATE)
        parts += [sound, np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)]
        samples += len(parts[-2]) + len(parts[-1])
    return np.concatenate(parts), starts


def _print_delays(model: Model, sounds: Sequence[np.ndarray], speed: float) -> None:
    waveform, starts = joined(sounds)
    words = [word for sound, start in zip(sounds, starts, strict=True) for word in timed_words(model, sound, start)]
    shown, _ = play(LiveSession(model), waveform, speed)
    first, firm = zip(*shown.delays(words), strict=True)
    offline = " ".join(transcribe(model, sound).text for sound in sounds)
    errors = jiwer.cer(_letters(offline), _letters(shown.text))
    print(f"{len(waveform) / SAMPLE_RATE:.0f} s of sound at {speed:g} times its speed, {len(words)} words\n")
    print("| | median | 90 % |\n| --- | --- | --- |")
    for name, delays in (("from the end of a word until it is shown", first), ("until it is firm", firm)):
        print(f"| {name} | {statistics.median(delays):.2f} s | {np.quantile(delays, 0.9):.2f} s |")
    print(f"\nfirm text that changed: {shown.changed}; characters that differ from offline: {100 * errors:.1f} %")
    print(f"words of the offline text that are not in the live text: {len(words) - len(first)}\n", flush=True)


def _letters(text: str) -> str:
    return "".join(text.split())


def _print_visitors(model: Model, sounds: Sequence[np.ndarray], options: argparse.Namespace) -> None:
    waveform, _ = joined(sounds)
    with ThreadPoolExecutor(options.visitors) as threads:
        played = threads.map(lambda _: play(LiveSession(model), waveform, options.speed), range(options.visitors))
        behind = [late for _, late in played]
    longest = max(behind)
    print(f"{options.visitors} visitors at once: the last text came {longest:.1f} s after the sound\n", flush=True)


def _print_work(model: Model, sounds: Sequence[np.ndarray], options: argparse.Namespace, row_seconds: int) -> None:
    waveform = np.resize(joined(sounds)[0], options.rows * row_seconds * SAMPLE_RATE)
    upstream = upstream_by_row(model, waveform, row_seconds, bool(options.shape))
    print("Work, with a pass for each second of sound:\n")
    heads = ("sound", "passes", "seconds encoded per second", "computing per second", "with upstream's method")
    print(f"| {' | '.join(heads)} |\n|" + " --- |" * len(heads), flush=True)
    rows = zip_longest(work_by_row(model, waveform, row_seconds), upstream)
    for number, ((passes, encoded, seconds), other) in enumerate(rows, start=1):
        cells = [f"to {number * row_seconds} s", str(passes), f"{encoded / row_seconds:.1f}"]
        cells += [f"{seconds / row_seconds:.3f} s", f"{other / row_seconds:.3f} s" if other else ""]
        print(f"| {' | '.join(cells)} |", flush=True)


def work_by_row(model: Model, waveform: np.ndarray, row_seconds: int) -> Iterator[tuple[int, float, float]]:
    """Yield passes, encoded seconds and seconds of computing for each part of one session."""
    session = LiveSession(model)
    for row in np.split(waveform, len(waveform) // (row_seconds * SAMPLE_RATE)):
        before, begun = (session.work.passes, session.work.encoded_seconds), time.perf_counter()
        for second in np.split(row, row_seconds):
            for _ in session.add(second):
                pass
        done = session.work.passes - before[0], session.work.encoded_seconds - before[1]
        yield *done, time.perf_counter() - begun


def upstream_by_row(model: Model, waveform: np.ndarray, row_seconds: int, is_random: bool) -> list[float]:
    """Return the seconds of computing that upstream's method takes for each of the first rows.

    is_random: the weights are random, so that no text ends by itself; a pass then has as many tokens as speech has.
    """
    new = live_upstream.UNFIXED_TOKENS + SPEECH_TOKENS_PER_SECOND * live_upstream.CHUNK_SECONDS
    passes = live_upstream.read_again(
        model,
        waveform[: UPSTREAM_ROWS * row_seconds * SAMPLE_RATE],
        new if is_random else live_upstream.MAX_NEW_TOKENS,
    )
    costs = [seconds for _, seconds in passes]
    last_seconds = np.arange(1, len(costs) + 1) * live_upstream.CHUNK_SECONDS - 1
    return np.bincount(last_seconds // row_seconds, costs).tolist()


if __name__ == "__main__":
    main()
