"""Many clients of OpenAI's API at once: `python -m benchmarks.serve` prints a table.

It starts `kikitori serve` with the tiny checkpoint. Clients send one clip after another, once for whole answers and
once for streams. No two clips are alike: each is one of the repository's recordings, at a loudness of its own. An
answer is right if it has the words that were spoken.

With --vllm-url, the same clips then go to a vLLM that serves the same checkpoint. It must not remember what it has
heard: start it with `--no-enable-prefix-caching --mm-processor-cache-gb 0`.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import httpx
import psutil
import soundfile

from benchmarks.load import mebibytes, memory_of
from benchmarks.served import ROOT, served
from kikitori.languages import CODES
from kikitori.strings import join_texts
from kikitori.tasks import TASKS
from kikitori.text.tags import parse_turns

RECORDINGS = ROOT / "tests" / "recordings"
CLIENTS = (1, 8, 32, 50)
CLIPS = 100
ALONE = 24
"""Requests of a single client before the others, to compare with: one for each recording, as they differ in length."""
WARM = 32
"""Requests at once before all others, so that each worker has loaded its models."""
QUIETEST = 0.7
"""The least of the factors by which clips are made to differ: the tiny checkpoint understands them at all of these."""
PATIENCE_SECONDS = 600
WITHOUT_GRADIO = "from kikitori.cli.run import main; import sys; main(['serve', *sys.argv[1:]])"


@dataclass(frozen=True)
class Clip:
    """A recording and its words. content: a FLAC file."""

    content: bytes
    direction: str
    text: str
    seconds: float


@dataclass(frozen=True)
class Server:
    """Who is asked. url: up to /v1. form: the fields for a clip. process: whose memory is read, if it is known."""

    name: str
    url: str
    form: Callable[[Clip], dict]
    process: int | None = None


@dataclass
class Measured:
    """What came back from a server for one number of clients.

    alone, together, first: seconds of requests by a single client, of those at the same time, and until the first text
    of a stream. wall: seconds for all whole answers. sound: seconds of sound in these. work: seconds of the processor
    that the server took for each of these. peak: bytes of the server's processes, each at its own peak.
    """

    name: str
    clients: int
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    wall: float = 0.0
    sound: float = 0.0
    work: float | None = None
    peak: int | None = None

    def cells(self) -> Iterator[str]:
        """The cells of a row."""
        alone = statistics.median(self.alone)
        quantiles = statistics.quantiles(self.together, n=20)
        yield from (self.name, str(self.clients), str(self.right), str(len(self.wrong)), f"{alone:.2f} s")
        yield f"{statistics.median(self.together) / alone:.1f}, {quantiles[18] / alone:.1f} times"
        yield from (f"{self.sound / self.wall:.0f}", f"{statistics.median(self.first):.2f} s")
        yield f"{self.work * 1000:.0f} ms" if self.work else ""
        yield mebibytes(self.peak) if self.peak else ""


HEAD = (
    *("server", "clients", "right", "wrong or lost", "one request alone", "p50, p95", "audio-seconds per second"),
    *("first streamed text", "processor time per answer", "peak memory"),
)


def make_clips(count: int, of: int, first: int = 0) -> list[Clip]:
    """Return `count` of the `of` clips, from number `first` on. No two of the `of` clips are equal."""
    references = json.loads((RECORDINGS / "references.json").read_text(encoding="utf-8"))
    known = [(RECORDINGS / name, entry) for name, entry in references.items() if entry["direction"] in TASKS]
    spoken = islice(cycle(known), first, first + count)
    return [
        _clip(path, entry, 1 - (1 - QUIETEST) * number / of) for number, (path, entry) in enumerate(spoken, start=first)
    ]


def _clip(path: Path, entry: dict, factor: float) -> Clip:
    sound, rate = soundfile.read(path, dtype="float32")
    file = io.BytesIO()
    soundfile.write(file, sound * factor, rate, format="FLAC")
    text = join_texts(turn.text for turn in parse_turns(entry["reference"])[0])
    return Clip(file.getvalue(), entry["direction"], text, len(sound) / rate)


def kikitori_form(clip: Clip) -> dict:
    """The fields for Kikitori."""
    return {"model": clip.direction}


def vllm_form(model: str) -> Callable[[Clip], dict]:
    """The fields for a vLLM that serves a model by this name. It is told what to write, not what is spoken."""
    return lambda clip: {"model": model, "language": CODES[TASKS[clip.direction].language], "temperature": "0"}


def ask(server: Server, client: httpx.Client, clip: Clip, stream: bool) -> tuple[float, str]:
    """Send a clip; return the seconds until the answer, or with `stream` until its first text, and the whole text."""
    files = {"file": ("clip.flac", clip.content)}
    form = server.form(clip) | ({"stream": "true"} if stream else {})
    clock = time.monotonic()
    with client.stream("POST", f"{server.url}/audio/transcriptions", data=form, files=files) as answer:
        if answer.status_code != 200:
            raise RuntimeError(f"{answer.status_code} {answer.read().decode()}")
        if not stream:
            text = json.loads(answer.read())["text"]
            return time.monotonic() - clock, text
        took, texts = 0.0, []
        for text in filter(None, map(added_text, answer.iter_lines())):
            took = took or time.monotonic() - clock
            texts.append(text)
    return took, "".join(texts)


def added_text(line: str) -> str:
    """The text that a line of an event stream adds, in OpenAI's form or vLLM's."""
    if not line.startswith("data: {"):
        return ""
    event = json.loads(line.removeprefix("data: "))
    if "error" in event:
        raise RuntimeError(event["error"]["message"])
    if event.get("choices"):
        return event["choices"][0]["delta"].get("content") or ""
    return event.get("delta", "")


def same_words(one: str, other: str) -> bool:
    """Whether two texts are equal apart from white space and tags, which vLLM leaves in or out differently."""
    return _letters(one) == _letters(other)


def _letters(text: str) -> str:
    return re.sub(r"\s|<\|.*?\|>", "", text)


def send_all(
    server: Server, clips: Iterable[Clip], clients: int, measured: Measured, stream: bool = False
) -> list[float]:
    """Send `clients` clips at a time. Note which answers are right, and return how many seconds each of those took."""

    def one(clip: Clip) -> float | None:
        try:
            took, text = ask(server, client, clip, stream)
        except (httpx.HTTPError, RuntimeError, ValueError, KeyError) as error:
            measured.wrong.append(f"{server.name}: {error!r}")
            return None
        if not same_words(text, clip.text):
            measured.wrong.append(f"{server.name}: {text!r} instead of {clip.text!r}")
            return None
        measured.right += 1
        return took

    limits = httpx.Limits(max_connections=clients)
    with httpx.Client(timeout=PATIENCE_SECONDS, limits=limits) as client, ThreadPoolExecutor(clients) as pool:
        return [took for took in pool.map(one, clips) if took is not None]


def measure(server: Server, clips: list[Clip], clients: int, alone: int = ALONE) -> Measured:
    """Send clips to a server: first one by one, then from all clients at once, as whole answers and as streams."""
    measured = Measured(server.name, clients)
    first, others = clips[:alone], clips[alone:]
    whole, streamed = others[: len(others) // 2], others[len(others) // 2 :]
    measured.alone = send_all(server, first, 1, measured)
    clock, worked = time.monotonic(), _worked_seconds(server)
    measured.together = send_all(server, whole, clients, measured)
    measured.wall = time.monotonic() - clock
    measured.work = (_worked_seconds(server) - worked) / len(whole) if server.process else None
    measured.sound = sum(clip.seconds for clip in whole)
    measured.first = send_all(server, streamed, clients, measured, stream=True)
    measured.peak = sum(memory_of(process.pid, "VmHWM") for process in _processes(server)) or None
    return measured


def _worked_seconds(server: Server) -> float:
    """How long the server has kept processors busy; 0 if its process is not known."""
    return sum(sum(process.cpu_times()[:2]) for process in _processes(server))


def _processes(server: Server) -> list[psutil.Process]:
    """The server's process and its workers; none if it is not known."""
    if not server.process:
        return []
    process = psutil.Process(server.process)
    return [process, *process.children(recursive=True)]


def measure_all(servers: list[Server], clients: Iterable[int], count: int) -> Iterator[Measured]:
    """Measure each server with each number of clients, and with the same clips. count: of clips for each answer."""
    numbers = list(clients)
    each = ALONE + 2 * count
    warm, total = make_clips(WARM, WARM), each * len(numbers)
    for server in servers:
        send_all(server, warm, WARM, Measured(server.name, 1))
    for place, number in enumerate(numbers):
        clips = make_clips(each, total, place * each)
        yield from (measure(server, clips, number) for server in servers)


def find_vllm(url: str) -> Server:
    """The vLLM at an address such as http://127.0.0.1:8000/v1."""
    url = url.rstrip("/")
    model = httpx.get(f"{url}/models").raise_for_status().json()["data"][0]["id"]
    return Server("vLLM", url, vllm_form(model))


def main() -> int:
    """Print the table. Returns 1 if an answer of Kikitori was wrong or lost, else 0."""
    parser = argparse.ArgumentParser(prog="benchmarks.serve", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS, help="numbers of clients at the same time")
    parser.add_argument("--clips", type=int, default=CLIPS, help=f"for each number of clients (default: {CLIPS})")
    parser.add_argument("--workers", type=int, default=1, help="of Kikitori (default: 1)")
    parser.add_argument("--vllm-url", metavar="URL", help="up to /v1, of a vLLM that serves the same checkpoint")
    options = parser.parse_args()
    vllm = [find_vllm(options.vllm_url)] if options.vllm_url else []
    print(f"| {' | '.join(HEAD)} |\n|{' --- |' * len(HEAD)}", flush=True)
    wrong = []
    workers = ("--workers", str(options.workers))
    with served("--no_language_check", *workers, program=("-c", WITHOUT_GRADIO)) as (process, address):
        ours = Server("Kikitori", f"{address}/v1", kikitori_form, process.pid)
        for measured in measure_all([ours, *vllm], options.clients, options.clips):
            print(f"| {' | '.join(measured.cells())} |", flush=True)
            wrong += measured.wrong
    print("\n".join(["", *wrong]) if wrong else "")
    return 1 if any(line.startswith("Kikitori") for line in wrong) else 0


if __name__ == "__main__":
    raise SystemExit(main())
