"""The same clips through each engine: `python -m benchmarks.engines` prints a table.

- This process, with the tiny checkpoint.
- With `RAY_ADDRESS`: one worker of the Ray cluster, and two. Loading the models is not counted.
- With --engine-url: a vLLM server that serves the tiny checkpoint. Start it with `--no-enable-prefix-caching
  --mm-processor-cache-gb 0`, so that it remembers no clip.

No two clips are alike. A text that differs from that of this process is compared with `windowed` attention, which is
vLLM's: its encoder listens to 8 s at a time.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import numpy as np
import psutil
import soundfile

from benchmarks.load import mebibytes, memory_of
from benchmarks.serve import make_clips
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.batch.cluster import ADDRESS, joined_cluster
from kikitori.engines.engine import Engine, Prompt
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.model.generate import decode
from kikitori.model.recognizer import Recognizer
from kikitori.result import last
from kikitori.tasks import TASKS, TINY, TINY_ALIGNER
from kikitori.transcribe import load_model

CLIPS, TOGETHER = 96, 8
WORKERS = (1, 2)

Texts = dict[int, str]
"""By the numbers of the clips."""


@dataclass(frozen=True)
class Group:
    """Clips of one language that are decoded together. waveforms: float32 mono 16 kHz, (samples,) each."""

    language: str
    numbers: tuple[int, ...]
    waveforms: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Measured:
    """What an engine has done. seconds: for all clips. memory: bytes of the processes with the model; None: unknown."""

    name: str
    seconds: float
    texts: Texts
    memory: int | None = None


def make_groups(count: int) -> list[Group]:
    """Return `count` clips in groups, a group of each language by turns."""
    by_language: dict[str, list[tuple[int, np.ndarray]]] = defaultdict(list)
    for number, clip in enumerate(make_clips(count, count)):
        sound, _ = soundfile.read(io.BytesIO(clip.content), dtype="float32")
        by_language[TASKS[clip.direction].language].append((number, sound))
    groups = [
        Group(language, *map(tuple, zip(*clips[start : start + TOGETHER], strict=True)))
        for language, clips in by_language.items()
        for start in range(0, len(clips), TOGETHER)
    ]
    return sorted(groups, key=lambda group: group.numbers[0])


def decode_group(engine: Engine, group: Group) -> Texts:
    """Return the texts of a group."""
    results = last(engine.stream(group.waveforms, Prompt(group.language)))
    return {number: result.text for number, result in zip(group.numbers, results, strict=True)}


def run_here(name: str, engine: Engine, groups: Sequence[Group], memory: Callable[[], int | None]) -> Measured:
    """Decode all groups with an engine of this process."""
    decode_group(engine, groups[0])
    texts: Texts = {}
    clock = time.perf_counter()
    for group in groups:
        texts |= decode_group(engine, group)
    return Measured(name, time.perf_counter() - clock, texts, memory())


class GroupWorker:
    """A worker of the cluster that has loaded the tiny checkpoint."""

    def __init__(self):
        self._engine = load_model("pt", checkpoint="tiny").engine

    def do(self, group: Group) -> tuple[int, int, Texts]:
        """Return the worker's process, its peak memory in bytes, and the texts of a group."""
        texts = decode_group(self._engine, group)
        return os.getpid(), peak_memory(), texts


def run_on_cluster(workers: int, groups: Sequence[Group]) -> Measured:
    """Decode all groups on the cluster that RAY_ADDRESS names. The clock starts when every worker has done a group."""
    texts: Texts = {}
    memory: dict[int, int] = {}
    clock = 0.0
    with joined_cluster(takes_gpu=True, cores=1) as cluster:
        warm = [(group,) for group in groups[: 4 * workers]]
        tasks = [*warm, *((group,) for group in groups)]
        for done, (_, (process, peak, some)) in enumerate(cluster.do_all(GroupWorker, tasks, workers), start=1):
            memory[process] = peak
            texts |= some
            if done == len(warm):
                clock = time.perf_counter()
        seconds = time.perf_counter() - clock
    return Measured(f"Ray, {len(memory)} worker(s)", seconds, texts, sum(memory.values()))


def peak_memory() -> int:
    """The most memory that this process has held, in bytes."""
    return memory_of(os.getpid(), "VmHWM")


def server_memory(url: str) -> int | None:
    """What a server of this machine and its children hold now, in bytes; None if no such server is found."""
    port = urlsplit(url).port
    listening = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN and one.pid]
    for process in (psutil.Process(one.pid) for one in listening if one.laddr.port == port):
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    return None


def differing(measured: Measured, expected: Texts, windowed: Callable[[int], str]) -> Iterator[str]:
    """Yield a sentence for each text that is not the expected one. windowed: a clip's text with vLLM's attention."""
    for number, text in sorted(measured.texts.items()):
        if text != expected[number]:
            reason = "as with windowed attention" if text == windowed(number) else "for another reason"
            yield f"{measured.name}, clip {number}, {reason}: {text!r} instead of {expected[number]!r}"


def measure(count: int, url: str) -> None:
    """Print the table, and the texts that differ."""
    groups = make_groups(count)
    sounds = {number: one for group in groups for number, one in zip(group.numbers, group.waveforms, strict=True)}
    languages = {number: group.language for group in groups for number in group.numbers}
    audio_seconds = sum(map(len, sounds.values())) / SAMPLE_RATE
    local = load_model("pt", checkpoint="tiny").engine
    recognizer = Recognizer(local.recognizer.qwen, attention="windowed")

    def windowed(number: int) -> str:
        return decode(recognizer, [sounds[number]], languages[number])[0].text

    print(f"{count} clips, {audio_seconds:.0f} s of sound, {TOGETHER} at a time\n")
    print("| engine | audio-seconds per second | memory | texts that differ |\n| --- | --- | --- | --- |")
    expected: Texts = {}
    complaints: list[str] = []
    for one in run_all(local, groups, url):
        expected = expected or one.texts
        differs = list(differing(one, expected, windowed))
        memory = mebibytes(one.memory) if one.memory else ""
        print(f"| {one.name} | {audio_seconds / one.seconds:.0f} | {memory} | {len(differs)} |", flush=True)
        complaints += differs
    print("\n".join(["", *complaints]) if complaints else "")


def run_all(local: Engine, groups: Sequence[Group], url: str) -> Iterator[Measured]:
    """Run each engine that is there, this process first. url: of the vLLM server, or empty."""
    yield run_here("this process", local, groups, peak_memory)
    if os.environ.get(ADDRESS):
        yield from (run_on_cluster(workers, groups) for workers in WORKERS)
    if url:
        engine = VllmEngine(replace(TINY, urls=(url,)), TINY_ALIGNER, needs_speakers=True)
        yield run_here("vLLM", engine, groups, lambda: server_memory(url))


def main(argv: list[str] | None = None) -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"default: {CLIPS}")
    parser.add_argument("--engine-url", default="", metavar="URL", help="of a vLLM server with the tiny checkpoint")
    options = parser.parse_args(argv)
    measure(options.clips, options.engine_url)


if __name__ == "__main__":
    main()
