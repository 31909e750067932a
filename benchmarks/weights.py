"""Speed and memory with exact and with quantised weights on a CPU: `python -m benchmarks.weights --shape 1.7b`.

The weights are random. Each run is a process of its own that loads a checkpoint folder and decodes a fixed number of
tokens, so its peak memory is that of everything: interpreter, libraries, weights, caches. Formats run in turns, and
figures are medians of the rounds. `--logits` prints how far the formats' logits are from those of float32 instead.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.decode import LANGUAGE, sounds, weight_bytes
from benchmarks.shapes import SHAPES, meta_model, shape_config
from kikitori.model.batch import embed_prompts
from kikitori.model.checkpoints import choose_dtype
from kikitori.model.generate import decode
from kikitori.model.kv_cache import bucket
from kikitori.model.quantised_checkpoint import HEAD, quantise_folder, write_tensors
from kikitori.model.qwen import build_prompt
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.tasks import FORMATS, TINY, Checkpoint

WINDOWS = 8
READ_BYTES = 1 << 30
LOGITS_TOKENS = 16

ROWS = {
    "ready": ("ready after, s", ".1f"),
    "first": ("clip of 30 s: encoder and prefill, s", ".2f"),
    "step": ("ms per token", ".1f"),
    "speed": ("tokens/s", ".1f"),
    "share": ("share of the bandwidth for reading", ".0%"),
    "whole": ("clip of 30 s, sound to text, s", ".2f"),
    "clip_peak": ("peak memory until then, GB", ".2f"),
    "windows_speed": (f"{WINDOWS} windows at once, tokens/s", ".1f"),
    "windows_first": ("of that, encoder and prefill, s", ".1f"),
    "peak": ("peak memory, GB", ".2f"),
}
"""Key of a run's record -> the row's label and the form of its figures."""


def write_checkpoint(folder: Path, shape: str) -> None:
    """Write a checkpoint folder of a shape with random weights in bfloat16."""
    folder.mkdir()
    for file in TINY.folder.iterdir():
        if file.suffix in (".json", ".txt", ".jinja") and file.name != "config.json":
            shutil.copy(file, folder)
    (folder / "config.json").write_text(json.dumps(shape_config(shape)))
    torch.manual_seed(0)
    sizes = {name: tensor.shape for name, tensor in meta_model(shape).state_dict().items() if name != HEAD}
    write_tensors(((name, _random(name, size)) for name, size in sizes.items()), folder, {"format": "pt"})


def _random(name: str, shape: torch.Size) -> torch.Tensor:
    """Norms keep numbers as they are; a matrix's outputs are as large as its inputs."""
    if len(shape) == 1:
        return torch.full(shape, 0.0 if name.endswith("bias") else 1.0, dtype=torch.bfloat16)
    return torch.empty(shape).normal_(0, (shape[1:].numel()) ** -0.5).bfloat16()


def load(folder: Path, weights: str) -> Recognizer:
    """Load a folder in a format, or in a dtype; texts never end."""
    form = weights if weights in FORMATS else ""
    dtype = choose_dtype("cpu", Checkpoint(folder=folder, weights=form)) if form else getattr(torch, weights)
    recognizer = load_recognizer(str(folder), dtype, weights=form)
    recognizer.end_ids = frozenset()
    recognizer.decoder  # noqa: B018, fusing the weights belongs to loading
    return recognizer


def run_once(folder: Path, weights: str, tokens: int) -> dict[str, float]:
    """Load and decode in this process. Returns the record of a run: the keys of ROWS."""
    start = time.perf_counter()
    recognizer = load(folder, weights)
    ready = time.perf_counter() - start
    clip, windows = sounds(fixed=True, windows=WINDOWS)

    def seconds(waveforms: list, most: int) -> float:
        began = time.perf_counter()
        decode(recognizer, waveforms, LANGUAGE, lambda text: False, max_tokens=most)
        return time.perf_counter() - began

    seconds([clip], 2)  # warm
    first, whole = seconds([clip], 1), seconds([clip], tokens)
    step, clip_peak = (whole - first) / (tokens - 1), peak_bytes() / 1e9
    windows_first, windows_whole = seconds(windows, 1), seconds(windows, tokens)
    peak = peak_bytes() / 1e9  # before the bandwidth is measured, which takes memory too
    return {
        "ready": ready,
        "first": first,
        "step": step * 1e3,
        "speed": 1 / step,
        "share": weight_bytes(recognizer) / step / read_bandwidth(),
        "whole": whole,
        "clip_peak": clip_peak,
        "windows_speed": WINDOWS * (tokens - 1) / (windows_whole - windows_first),
        "windows_first": windows_first,
        "peak": peak,
    }


def peak_bytes() -> int:
    """Return the most memory that this process has had, in bytes (Linux)."""
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def read_bandwidth() -> float:
    """Return the bytes per second at which this machine reads."""
    memory = torch.ones(READ_BYTES // 8, dtype=torch.int64)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        memory.sum()
        times.append(time.perf_counter() - start)
    return READ_BYTES / statistics.median(times)


def in_turns(columns: dict[str, list], rounds: int) -> dict[str, dict[str, float]]:
    """Run each column's module, with its arguments, `rounds` times, in turns, a process each.

    Each prints a record as JSON in its last line. Returns each column's medians.
    """
    records: dict[str, list[dict[str, float]]] = {column: [] for column in columns}
    for _ in range(rounds):
        for column, arguments in columns.items():
            command = [sys.executable, "-m", *map(str, arguments)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            records[column].append(json.loads(done.stdout.splitlines()[-1]))
    return {
        column: {key: statistics.median(record[key] for record in runs) for key in runs[0]}
        for column, runs in records.items()
    }


def table(medians: dict[str, dict[str, float]], rows: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a table of medians. rows: key of a record -> the row's label and the form of its figures."""
    yield f"| | {' | '.join(medians)} |\n|{' --- |' * (len(medians) + 1)}"
    for key, (label, form) in rows.items():
        yield f"| {label} | {' | '.join(format(record[key], form) for record in medians.values())} |"


def speed_table(folder: Path, formats: list[str], rounds: int, tokens: int) -> Iterator[str]:
    """Yield the lines of the table. folder: an unquantised checkpoint, next to which quantised ones are written."""
    folders = {}
    for name in formats:
        folders[name] = folder, name
        if name in FORMATS:
            quantise_folder(folder, folder.with_name(name), name, "benchmarks.weights")
            folders[f"{name}, `kikitori quantise`"] = folder.with_name(name), name
    columns = {column: ["benchmarks.weights", "--once", *run, "--tokens", tokens] for column, run in folders.items()}
    yield from table(in_turns(columns, rounds), ROWS)


@torch.inference_mode()
def forced_logits(recognizer: Recognizer, ids: list[int]) -> torch.Tensor:
    """Return the logits after the prompt and after each of these tokens: (tokens + 1, vocabulary) float32."""
    clip, _ = sounds(fixed=True, windows=1)
    before, after = recognizer.prompt_ids(build_prompt(recognizer.qwen, LANGUAGE))
    x = embed_prompts(recognizer, [clip], before, after)
    length = x.shape[1]
    cache = recognizer.decoder.empty_cache(1, bucket(length + len(ids)))
    logits = [recognizer.decoder.prefill(x, [length], cache)]
    for place, token in enumerate(ids, start=length):
        logits.append(recognizer.decoder.step(torch.tensor([token]), torch.tensor([place]), cache, place + 1))
    return torch.cat(logits).float()


def logits_table(folder: Path, formats: list[str]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| | distance from float32's logits | KL divergence, nats | the same most likely token |\n|" + " --- |" * 4
    ids = torch.randint(1000, (LOGITS_TOKENS,), generator=torch.Generator().manual_seed(0)).tolist()
    exact = forced_logits(load(folder, "float32"), ids)
    for name in formats:
        logits = forced_logits(load(folder, name), ids)
        distance = (logits - exact).norm() / (exact - exact.mean(-1, keepdim=True)).norm()
        chances = exact.log_softmax(-1)
        divergence = (chances.exp() * (chances - logits.log_softmax(-1))).sum(-1).mean()
        same = (logits.argmax(-1) == exact.argmax(-1)).sum()
        yield f"| {name} | {distance:.2%} | {divergence:.5f} | {same} of {len(exact)} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.weights", description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="1.7b")
    parser.add_argument("--formats", nargs="+", choices=("float32", "bfloat16", *FORMATS), default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=64, help="per clip (default: %(default)s)")
    parser.add_argument("--logits", action="store_true", help="compare logits instead of speed")
    parser.add_argument("--once", nargs=2, metavar=("FOLDER", "FORMAT"), help="one run; print its record as JSON")
    options = parser.parse_args(argv)
    if options.once:
        print(json.dumps(run_once(Path(options.once[0]), options.once[1], options.tokens)))
        return 0
    formats = options.formats or ["bfloat16", *FORMATS]
    print(
        f"{options.shape}, {torch.get_num_threads()} threads, torch {torch.__version__}, {datetime.date.today()}, "
        f"load before the first run {os.getloadavg()[0]:.1f}\n"
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "random"
        write_checkpoint(folder, options.shape)
        speeds = speed_table(folder, formats, options.rounds, options.tokens)
        for line in logits_table(folder, formats) if options.logits else speeds:
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
