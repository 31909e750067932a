"""Sound to text, ours beside stock qwen-asr in one process: `python -m benchmarks.decode --shape tiny` prints a table.

Both decode the same clips with the same weights, in turns; figures are medians of the rounds. With `tiny` texts end by
themselves; the real shapes have random weights and write a fixed number of tokens. Stock decodes a recording's windows
one after another, as qwen-asr does where no batch size is asked for.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.shapes import SHAPES, random_qwen_model
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.audio.windows import cut_windows
from kikitori.model import generate
from kikitori.model.encoder import ATTENTION_MODES
from kikitori.model.generate import decode, token_budget
from kikitori.model.qwen import generate_with_qwen, load_qwen_model
from kikitori.model.recognizer import Recognizer
from kikitori.tasks import TINY

ROOT = Path(__file__).parent.parent
LANGUAGE = "Portuguese"
CLIP = ROOT / "examples" / "portuguese_daily.flac"
RECORDING_SECONDS = 600.0
WINDOW_SECONDS = 30.0
BANDWIDTH_BYTES = 1 << 29


@dataclass
class Contender:
    """One way from clips to ids; `run(waveforms, most)` writes at most `most` tokens a clip."""

    name: str
    run: Callable[[list[np.ndarray], int | None], list[tuple[int, ...]]]


def contenders(recognizer: Recognizer, fixed: bool) -> tuple[Contender, Contender]:
    """Stock and ours. fixed: texts don't end before their budget."""
    if fixed:
        recognizer.end_ids = frozenset()

    def stock(waveforms: list[np.ndarray], most: int | None) -> list[tuple[int, ...]]:
        budgets = [most or token_budget(len(waveform) / SAMPLE_RATE) for waveform in waveforms]
        return [
            tuple(generate_with_qwen(recognizer.qwen, waveform, LANGUAGE, budget, ends_itself=not fixed))
            for waveform, budget in zip(waveforms, budgets, strict=True)
        ]

    def ours(waveforms: list[np.ndarray], most: int | None) -> list[tuple[int, ...]]:
        asked = generate.token_budget
        generate.token_budget = (lambda seconds: most) if most else asked
        try:
            return [decoded.ids for decoded in decode(recognizer, waveforms, LANGUAGE, lambda text: False)]
        finally:
            generate.token_budget = asked

    return Contender("stock", stock), Contender("ours", ours)


def seconds_of(device: torch.device, work: Callable[[], object]) -> float:
    """How long it takes until the device is done."""
    synchronize(device)
    start = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - start


def synchronize(device: torch.device) -> None:
    """Wait for what the device was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def in_turns(rivals, rounds: int, measure: Callable[[Contender], float], uncounted: int = 1) -> list[float]:
    """The median of each rival's rounds, after some that do not count."""
    taken: list[list[float]] = [[] for _ in rivals]
    for number in range(uncounted + rounds):
        for rival, times in zip(rivals, taken, strict=True):
            value = measure(rival)
            if number >= uncounted:
                times.append(value)
    return [statistics.median(times) for times in taken]


def memory_and_operations(
    device: torch.device, rival: Contender, waveforms: list[np.ndarray], most: int | None
) -> tuple[int, int]:
    """The most bytes held beside the weights, and the operations (on CUDA: launches) issued."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with torch.profiler.profile(activities=activities, profile_memory=device.type == "cpu") as profile:
        rival.run(waveforms, most)
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
    """Bytes a second that the device reads and writes while it copies."""
    source = torch.ones(BANDWIDTH_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    return 2 * BANDWIDTH_BYTES / statistics.median(seconds_of(device, lambda: target.copy_(source)) for _ in range(5))


def weight_bytes(recognizer: Recognizer) -> int:
    """What one step has to read of the text model."""
    decoder = recognizer.decoder
    layers = [tensor for layer in decoder.layers for tensor in vars(layer).values()]
    return sum(tensor.numel() * tensor.element_size() for tensor in [*layers, decoder.norm, decoder.head])


def recording_windows(clip: np.ndarray, seconds: float) -> list[np.ndarray]:
    """A recording of so many seconds, made of one clip again and again, cut as the product cuts it."""
    recording = np.tile(clip, int(seconds * SAMPLE_RATE / len(clip)) + 1)[: int(seconds * SAMPLE_RATE)]
    return [window.waveform for window in cut_windows([recording], WINDOW_SECONDS, 0.0)]


def measure(recognizer: Recognizer, rounds: int, tokens: int | None, windows: int | None) -> Iterator[tuple[str, ...]]:
    """The table's rows: what, stock, ours, ratio."""
    device = recognizer.decoder.device
    rivals = contenders(recognizer, fixed=tokens is not None)
    clip, parts = sounds(tokens is not None, windows)
    written = [rival.run([clip], tokens) for rival in rivals]
    count = len(written[1][0])
    yield "the same tokens", "", str(written[0] == written[1]), ""
    yield from speed_rows(recognizer, rivals, rounds, clip, tokens, count)
    seconds = sum(map(len, parts)) / SAMPLE_RATE
    taken = in_turns(
        rivals,
        max(1, rounds // 2),
        lambda rival: seconds_of(device, lambda: rival.run(parts, tokens)),
        uncounted=int(device.type == "cuda"),  # where graphs are recorded first; the clips have warmed up the rest
    )
    label = f"recording of {seconds / 60:.1f} min in {len(parts)} windows, audio-seconds/s"
    yield rate(label, [seconds / one for one in taken])
    if tokens is None:  # else every window is the clip, whose time to the first token tells
        firsts = in_turns(rivals, max(1, rounds // 2), lambda rival: seconds_of(device, lambda: rival.run(parts, 1)))
        yield timing("of that, hearing it and reading the prompts, s", firsts)
    few, many = count // 2, count
    looks = [[memory_and_operations(device, rival, [clip], most) for most in (few, many)] for rival in rivals]
    unit = "operations" if device.type == "cpu" else "launches"
    yield share(f"{unit} per token", [(long[1] - short[1]) / (many - few) for short, long in looks])
    yield share("peak memory beside the weights, clip, MiB", [long[0] / 2**20 for _, long in looks])
    # Stock takes one window at a time: its longest tells.
    longest = max(parts, key=len)
    looks = [
        memory_and_operations(device, rival, sound, tokens)
        for rival, sound in zip(rivals, ([longest], parts), strict=True)
    ]
    yield share("peak memory beside the weights, recording, MiB", [peak / 2**20 for peak, _ in looks])


def sounds(fixed: bool, windows: int | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """The clip, and the windows of the recording, `windows` of them if given."""
    clip = load_audio(CLIP)
    if not fixed:
        return clip, recording_windows(clip, RECORDING_SECONDS)
    window = np.tile(clip, int(WINDOW_SECONDS * SAMPLE_RATE / len(clip)) + 1)[: int(WINDOW_SECONDS * SAMPLE_RATE)]
    return window, [window] * (windows or round(RECORDING_SECONDS / WINDOW_SECONDS))


def speed_rows(
    recognizer: Recognizer, rivals, rounds: int, clip: np.ndarray, tokens: int | None, count: int
) -> Iterator[tuple[str, ...]]:
    """Batch 1."""
    device = recognizer.decoder.device
    firsts = in_turns(rivals, rounds, lambda rival: seconds_of(device, lambda: rival.run([clip], 1)))
    wholes = in_turns(rivals, rounds, lambda rival: seconds_of(device, lambda: rival.run([clip], tokens)))
    speeds = [(count - 1) / (whole - first) for first, whole in zip(firsts, wholes, strict=True)]
    yield timing(f"clip of {len(clip) / SAMPLE_RATE:.1f} s, sound to text ({count} tokens), s", wholes)
    yield timing("time to first token, s", firsts)
    yield rate("tokens/s after the first, batch 1", speeds)
    bound = bandwidth(device) / weight_bytes(recognizer)
    yield f"share of the bandwidth bound ({bound:.0f} tokens/s)", *(f"{speed / bound:.1%}" for speed in speeds), ""


def timing(label: str, values: list[float]) -> tuple[str, ...]:
    """A row of times, whose ratio is how many times faster ours is."""
    return label, *(f"{value:.3f}" for value in values), f"{values[0] / values[1]:.1f} times"


def rate(label: str, values: list[float]) -> tuple[str, ...]:
    """A row of speeds, whose ratio is how many times faster ours is."""
    return label, *(f"{value:.1f}" for value in values), f"{values[1] / values[0]:.1f} times"


def share(label: str, values: list[float]) -> tuple[str, ...]:
    """A row of amounts, whose ratio is ours as a share of stock's."""
    return label, *(f"{value:.0f}" for value in values), f"{values[1] / values[0]:.2f}"


def load(shape: str, dtype: torch.dtype, device: str, attention: str) -> tuple[Recognizer, float]:
    """The shape's model, and how many seconds it took to load (for `tiny`; the others are made, not loaded)."""
    start = time.perf_counter()
    if shape == "tiny":
        stock = load_qwen_model(str(TINY.folder), dtype, device)
    else:
        stock = random_qwen_model(shape, dtype, device)
    recognizer = Recognizer(stock, attention)
    recognizer.decoder  # noqa: B018, fusing belongs to loading
    return recognizer, time.perf_counter() - start


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=("tiny", *SHAPES), default="tiny")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: bfloat16 on CUDA, else float32")
    parser.add_argument("--attention", choices=ATTENTION_MODES, default="full")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64, help="a clip, with the real shapes")
    parser.add_argument("--windows", type=int, help="of the recording, with the real shapes (default: 10 minutes)")
    options = parser.parse_args(argv)
    dtype = options.dtype or ("bfloat16" if options.device.startswith("cuda") else "float32")
    recognizer, seconds = load(options.shape, getattr(torch, dtype), options.device, options.attention)
    name = torch.cuda.get_device_name() if options.device.startswith("cuda") else f"{platform.machine()} CPU"
    print(
        f"{options.shape}, {dtype}, {options.attention} attention, {name}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}, {datetime.date.today()}; ready after {seconds:.1f} s\n"
    )
    print("| | stock | ours | ratio |\n| --- | --- | --- | --- |")
    tokens = None if options.shape == "tiny" else options.tokens
    for row in measure(recognizer, options.rounds, tokens, options.windows):
        print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
