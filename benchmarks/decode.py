"""Speed of decoding, compared with qwen-asr's: `python -m benchmarks.decode --shape tiny` prints a table.

Both decode the same clips with the same weights in one process, in alternation; figures are medians of the rounds.
The texts of `tiny` end by themselves. The real shapes have random weights and decode a fixed number of tokens.
qwen-asr decodes a recording's windows one after another, which is its default.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.qwen_generate import generate_with_qwen
from benchmarks.shapes import SHAPES, random_qwen_model
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.audio.windows import cut_windows
from kikitori.model.decoder import held
from kikitori.model.encoder import ATTENTION_MODES
from kikitori.model.generate import decode, token_budget
from kikitori.model.qwen import load_qwen_model
from kikitori.model.recognizer import Recognizer
from kikitori.tasks import TINY

ROOT = Path(__file__).parent.parent
LANGUAGE = "Portuguese"
CLIP = ROOT / "examples" / "portuguese_daily.flac"
RECORDING_SECONDS = 600.0
WINDOW_SECONDS = 30.0
BANDWIDTH_BYTES = 1 << 29  # what is copied to measure the memory's bandwidth


@dataclass
class Implementation:
    """A way to decode clips. `run(waveforms, most)` decodes at most `most` tokens per clip; None for the budget."""

    name: str
    run: Callable[[list[np.ndarray], int | None], list[tuple[int, ...]]]


def implementations(recognizer: Recognizer, fixed: bool) -> tuple[Implementation, Implementation]:
    """Return qwen-asr's implementation and this project's. fixed: texts go on until their budget is used up."""
    if fixed:
        recognizer.end_ids = frozenset()

    def qwen(waveforms: list[np.ndarray], most: int | None) -> list[tuple[int, ...]]:
        budgets = [most or token_budget(len(waveform) / SAMPLE_RATE) for waveform in waveforms]
        return [
            tuple(generate_with_qwen(recognizer.qwen, waveform, LANGUAGE, budget, ends_itself=not fixed))
            for waveform, budget in zip(waveforms, budgets, strict=True)
        ]

    def ours(waveforms: list[np.ndarray], most: int | None) -> list[tuple[int, ...]]:
        results = decode(recognizer, waveforms, LANGUAGE, lambda text: False, max_tokens=most)
        return [result.ids for result in results]

    return Implementation("qwen-asr", qwen), Implementation("ours", ours)


def timed(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds until the device has done the work."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    """Wait until the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def interleaved_medians(
    compared: Sequence[Implementation], rounds: int, measure: Callable[[Implementation], float], uncounted: int = 1
) -> list[float]:
    """Measure the implementations in alternation. Returns the median of each, without its `uncounted` first rounds."""
    values: list[list[float]] = [[] for _ in compared]
    for number in range(uncounted + rounds):
        for implementation, counted in zip(compared, values, strict=True):
            value = measure(implementation)
            if number >= uncounted:
                counted.append(value)
    return [statistics.median(counted) for counted in values]


def memory_and_operations(
    device: torch.device, implementation: Implementation, waveforms: list[np.ndarray], most: int | None
) -> tuple[int, int]:
    """Return the peak of allocated bytes, without the weights, and the number of operations (on CUDA: launches)."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with torch.profiler.profile(activities=activities, profile_memory=device.type == "cpu") as profile:
        implementation.run(waveforms, most)
        synchronize(device)
    names = [event.name() for event in profile.profiler.kineto_results.events()]
    if device.type == "cuda":
        launches = sum(name.startswith(("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch")) for name in names)
        return torch.cuda.max_memory_allocated(device) - before, launches
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    return peak, sum(name.startswith("aten::") for name in names)


def bandwidth(device: torch.device) -> float:
    """Return the bytes per second that the device reads and writes while it copies."""
    source = torch.ones(BANDWIDTH_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * BANDWIDTH_BYTES / statistics.median(timed(device, lambda: target.copy_(source)) for _ in range(5))


def weight_bytes(recognizer: Recognizer) -> int:
    """Return the bytes of weights that one decoding step reads."""
    decoder = recognizer.decoder
    layers = [weights for layer in decoder.layers for weights in vars(layer).values()]
    return sum(tensor.nbytes for weights in [*layers, decoder.norm, decoder.head] for tensor in held(weights))


def recording_windows(clip: np.ndarray, seconds: float) -> list[np.ndarray]:
    """Repeat a clip until it lasts `seconds`, and cut that into windows as the product does."""
    recording = np.tile(clip, int(seconds * SAMPLE_RATE / len(clip)) + 1)[: int(seconds * SAMPLE_RATE)]
    return [window.waveform for window in cut_windows([recording], WINDOW_SECONDS, 0.0)]


def measure(recognizer: Recognizer, rounds: int, tokens: int | None, windows: int | None) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows: label, qwen-asr, ours, ratio.

    tokens: per text; None if texts end by themselves. windows: of the recording, see `sounds`.
    """
    device = recognizer.decoder.device
    compared = implementations(recognizer, fixed=tokens is not None)
    clip, parts = sounds(tokens is not None, windows)
    texts = [implementation.run([clip], tokens) for implementation in compared]
    count = len(texts[1][0])
    yield "the same tokens", "", str(texts[0] == texts[1]), ""
    yield from speed_rows(recognizer, compared, rounds, clip, tokens, count)
    yield from recording_rows(device, compared, max(1, rounds // 2), parts, tokens)
    few, many = count // 2, count
    used = [
        [memory_and_operations(device, implementation, [clip], most) for most in (few, many)]
        for implementation in compared
    ]
    unit = "operations" if device.type == "cpu" else "launches"
    yield share(f"{unit} per token", [(long[1] - short[1]) / (many - few) for short, long in used])
    yield share("peak memory without the weights, clip, MiB", [long[0] / 2**20 for _, long in used])
    # qwen-asr decodes one window at a time, so its peak is that of the longest.
    longest = max(parts, key=len)
    peaks = [
        memory_and_operations(device, implementation, waveforms, tokens)[0]
        for implementation, waveforms in zip(compared, ([longest], parts), strict=True)
    ]
    yield share("peak memory without the weights, recording, MiB", [peak / 2**20 for peak in peaks])


def sounds(fixed: bool, windows: int | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return a clip, and the windows of a recording.

    fixed: the clip fills a window, and all windows are that clip. windows: how many; None for 10 minutes.
    """
    clip = load_audio(CLIP)
    if not fixed:
        return clip, recording_windows(clip, RECORDING_SECONDS)
    window = np.tile(clip, int(WINDOW_SECONDS * SAMPLE_RATE / len(clip)) + 1)[: int(WINDOW_SECONDS * SAMPLE_RATE)]
    return window, [window] * (windows or round(RECORDING_SECONDS / WINDOW_SECONDS))


def speed_rows(
    recognizer: Recognizer,
    compared: Sequence[Implementation],
    rounds: int,
    clip: np.ndarray,
    tokens: int | None,
    count: int,
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a single clip, whose text has `count` tokens."""
    device = recognizer.decoder.device

    def seconds(most: int | None) -> list[float]:
        return interleaved_medians(
            compared, rounds, lambda implementation: timed(device, lambda: implementation.run([clip], most))
        )

    firsts, wholes = seconds(1), seconds(tokens)
    speeds = [(count - 1) / (whole - first) for first, whole in zip(firsts, wholes, strict=True)]
    yield timing(f"clip of {len(clip) / SAMPLE_RATE:.1f} s, sound to text ({count} tokens), s", wholes)
    yield timing("time to first token, s", firsts)
    yield rate("tokens/s after the first, batch 1", speeds)
    bound = bandwidth(device) / weight_bytes(recognizer)
    yield f"share of the bandwidth bound ({bound:.0f} tokens/s)", *(f"{speed / bound:.1%}" for speed in speeds), ""


def recording_rows(
    device: torch.device,
    compared: Sequence[Implementation],
    rounds: int,
    parts: list[np.ndarray],
    tokens: int | None,
) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a recording in windows."""

    def seconds(most: int | None, uncounted: int) -> list[float]:
        return interleaved_medians(
            compared, rounds, lambda implementation: timed(device, lambda: implementation.run(parts, most)), uncounted
        )

    length = sum(map(len, parts)) / SAMPLE_RATE
    # On CUDA the first round records graphs. Everything else is warm after the clips.
    wholes = seconds(tokens, uncounted=int(device.type == "cuda"))
    label = f"recording of {length / 60:.1f} min in {len(parts)} windows, audio-seconds/s"
    yield rate(label, [length / whole for whole in wholes])
    if tokens is None:  # otherwise each window is the clip, whose time to the first token is in the table
        yield timing("of that, encoding and prefill, s", seconds(1, uncounted=1))


def timing(label: str, values: list[float]) -> tuple[str, ...]:
    """Return a row of times in seconds; the ratio is how many times faster ours is."""
    return label, *(f"{value:.3f}" for value in values), f"{values[0] / values[1]:.1f} times"


def rate(label: str, values: list[float]) -> tuple[str, ...]:
    """Return a row of speeds; the ratio is how many times faster ours is."""
    return label, *(f"{value:.1f}" for value in values), f"{values[1] / values[0]:.1f} times"


def share(label: str, values: list[float]) -> tuple[str, ...]:
    """Return a row of amounts; the ratio is ours divided by qwen-asr's."""
    return label, *(f"{value:.0f}" for value in values), f"{values[1] / values[0]:.2f}"


def load(shape: str, dtype: torch.dtype, device: str, attention: str) -> tuple[Recognizer, float]:
    """Return a shape's model and the seconds until it was ready. The real shapes are made, not loaded."""
    start = time.perf_counter()
    if shape == "tiny":
        qwen = load_qwen_model(str(TINY.folder), dtype, device)
    else:
        qwen = random_qwen_model(shape, dtype, device)
    recognizer = Recognizer(qwen, attention)
    recognizer.decoder  # noqa: B018, fusing the weights belongs to loading
    return recognizer, time.perf_counter() - start


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=("tiny", *SHAPES), default="tiny")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: bfloat16 on CUDA, else float32")
    parser.add_argument("--attention", choices=ATTENTION_MODES, default="full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64, help="per clip, for the real shapes (default: %(default)s)")
    parser.add_argument("--windows", type=int, help="of the recording, for the real shapes (default: 10 minutes)")
    options = parser.parse_args(argv)
    dtype = options.dtype or ("bfloat16" if options.device.startswith("cuda") else "float32")
    recognizer, seconds = load(options.shape, getattr(torch, dtype), options.device, options.attention)
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{platform.machine()} CPU"
    print(
        f"{options.shape}, {dtype}, {options.attention} attention, {name}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, {datetime.date.today()}; ready after {seconds:.1f} s\n"
    )
    print("| | qwen-asr | ours | ratio |\n| --- | --- | --- | --- |")
    tokens = None if options.shape == "tiny" else options.tokens
    for row in measure(recognizer, options.rounds, tokens, options.windows):
        print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
