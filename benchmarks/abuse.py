"""Hostile requests to the page: `python -m benchmarks.abuse` starts it with the tiny checkpoint and prints a table.

200 requests try to take memory or time, or to hold up other visitors. Meanwhile /health is asked all the time, and must
answer within 1 s. At the end, memory must be within 5 % of what it was after four requests of each kind at once, and a
recording is transcribed. A second page, which limits what one address may ask for, is then asked for more than that.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from gradio_client import Client

from benchmarks.load import mebibytes, memory_of, questions, request
from benchmarks.served import served
from kikitori.server.body_size import MAX_ELEMENTS
from kikitori.server.visitors import MAX_OPEN, REQUESTS

MAX_GROWTH = 0.05
MAX_HEALTH_SECONDS = 1.0
AT_ONCE = 4
SETTLE_SECONDS = 1.0
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
LARGEST = b"[%s[]]" % (b"[]," * (MAX_ELEMENTS // 2 - 100))
"""The JSON with the most lists that is accepted."""
UNSPACED = {"text": "あ" * 50_000, "speaker": None, "start_seconds": 0, "end_seconds": 9000, "timing": "aligned"}
LONG = {"audio": "a.wav", "direction": "diarize", "language": "Japanese", "checkpoint": "x", "duration_seconds": 9000}
LONG |= {"raw_text": "", "warnings": [], "turns": [UNSPACED]}


@dataclass(frozen=True)
class Attack:
    """A hostile request, sent `count` times. status: of the expected answer; 503, a full queue, is one too."""

    name: str
    count: int
    path: str
    body: bytes | None
    status: int

    def send(self, api: str) -> int:
        """Send it once. Returns the status, or 0 if the connection was closed before an answer."""
        with suppress(httpx.TransportError):
            if self.body is None:
                return httpx.get(api + self.path, timeout=120).status_code
            return httpx.post(api + self.path, content=self.body, headers=JSON, timeout=120).status_code
        return 0


@dataclass(frozen=True)
class Outcome:
    """What an attack did. answers: how many of each status. seconds: the longest that /health took."""

    attack: Attack
    answers: Counter
    seconds: float
    memory: int

    @property
    def passes(self) -> bool:
        """Whether it was answered as expected, and nobody had to wait."""
        return not self.answers.keys() - {self.attack.status, 503, 0} and self.seconds < MAX_HEALTH_SECONDS

    def line(self) -> str:
        """A row of the table."""
        answers = ", ".join(f"{count} x {status or 'closed'}" for status, count in self.answers.items())
        cells = self.attack.name, answers, f"{self.seconds:.2f} s", mebibytes(self.memory), verdict(self.passes)
        return f"| {' | '.join(cells)} |"


def verdict(passes: bool) -> str:
    """Pass or fail."""
    return "pass" if passes else "FAIL"


def attacks(view: int, compare: int) -> list[Attack]:
    """The 200 requests. view: the component that writes files. compare: the handler of the comparison."""
    server = {"component_id": view, "session_hash": "stranger", "fn_name": "write_file"}
    joined = {"fn_index": compare, "session_hash": "stranger"}
    words = {"sheets": [{"transcript": LONG, "sound": "a.wav"}]}

    def json_with(data: bytes, **values) -> bytes:
        return json.dumps(values | {"data": 0}).encode().replace(b'"data": 0', b'"data": %s' % data)

    flood = b"[%s[]]" % (b"[]," * 20_000_000)
    lists = b'[%s, "a"]' % LARGEST
    write = json.dumps(["srt", "both", [{"name": "a", "transcript": LONG, "times": [[0, 9000]]}]]).encode()
    compared = json.dumps([words, "い" * 50_000]).encode()
    tool = {"name": "transcribe_portuguese", "arguments": {"audio": "data:audio/wav;base64," + "A" * 4_000_000}}
    mcp = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": tool}
    return [
        Attack("60 MB of lists to /call", 20, "/call/diarize", json_with(flood), 413),
        Attack("60 MB of lists to /queue/join", 20, "/queue/join", json_with(flood, **joined), 413),
        Attack("60 MB of lists to a component", 10, "/component_server", json_with(flood, **server), 413),
        Attack("as many lists as are accepted", 20, "/queue/join", json_with(lists, **joined), 200),
        Attack("the same to a component", 10, "/component_server", json_with(lists, **server), 200),
        Attack("1,000 nested lists", 20, "/queue/join", json_with(b"[" * 1000, **joined), 413),
        Attack("JSON in UTF-16", 10, "/call/diarize", '{"data":[]}'.encode("utf-16"), 400),
        Attack("4 MB of a recording in an MCP request", 10, "/mcp/", json.dumps(mcp).encode(), 200),
        Attack("60 MB in an MCP request", 10, "/mcp/", json.dumps(mcp | {"id": "A" * 60_000_000}).encode(), 413),
        Attack("subtitles of 50,000 kana", 20, "/component_server", json_with(write, **server), 200),
        Attack("a comparison of 50,000 kana", 10, "/queue/join", json_with(compared, **joined), 200),
        Attack("results that nobody fetches", 20, "/call/diarize", b'{"data": []}', 200),
        Attack("an unknown session", 20, "/queue/data?session_hash=unknown", None, 404),
    ]


@contextmanager
def watched(address: str) -> Iterator[list[float]]:
    """Ask for /health all the time while the block runs; yield the list of the seconds that each answer took."""
    took: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(timeout=120) as visitor:
            while not over.wait(0.02):
                clock = time.monotonic()
                visitor.get(f"{address}/health").raise_for_status()
                took.append(time.monotonic() - clock)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield took
        finally:
            over.set()
            asking.result()


def run(attack: Attack, address: str, process: int) -> Outcome:
    """Send an attack, a few requests at a time."""
    with watched(address) as took:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = Counter(pool.map(lambda _: attack.send(f"{address}/gradio_api"), range(attack.count)))
        wait_until_idle(address)
    return Outcome(attack, answers, max(took), memory_of(process, "VmRSS"))


def wait_until_idle(address: str) -> None:
    """Wait until the queue is empty and the last jobs have ended."""
    while httpx.get(f"{address}/gradio_api/queue/status").json()["queue_size"]:
        time.sleep(0.05)
    time.sleep(SETTLE_SECONDS)


def find_targets(address: str) -> tuple[int, int]:
    """The component that writes files, and the handler of the comparison."""
    config = httpx.get(f"{address}/config").json()
    view = next(one["id"] for one in config["components"] if "mountView" in str(one["props"].get("js_on_load")))
    compare = next(one["id"] for one in config["dependencies"] if "'portuguese'), reference" in str(one["js"]))
    return view, compare


def is_right(address: str) -> bool:
    """Whether a visitor's recording is transcribed."""
    with tempfile.TemporaryDirectory() as folder:
        (question,) = questions(Path(folder), 1)
        answer = Client(address, verbose=False).predict(**request(question.direction, question.path))
    return question.is_answered_by(answer)


def attack_without_limits() -> Iterator[tuple[str, bool]]:
    """Send the attacks to a page that trusts every address; yield lines, and whether they are good."""
    with tempfile.TemporaryDirectory() as folder, served(log=Path(folder) / "log") as (process, address):
        is_right(address)
        hostile = attacks(*find_targets(address))
        start = mebibytes(memory_of(process.pid, "VmRSS"))
        for attack in hostile:  # the memory that this many requests need at once is not a leak
            run(replace(attack, count=AT_ONCE), address, process.pid)
        before, lines = memory_of(process.pid, "VmRSS"), count_lines(Path(folder) / "log")
        yield f"memory after one recording: {start}; after {AT_ONCE} requests of each kind: {mebibytes(before)}\n", True
        yield "| attack | answers | longest /health | memory | |", True
        yield "| --- | --- | --- | --- | --- |", True
        for attack in hostile:
            outcome = run(attack, address, process.pid)
            yield outcome.line(), outcome.passes
        growth = memory_of(process.pid, "VmRSS") / before - 1
        total = sum(attack.count for attack in hostile)
        yield f"\nmemory after {total} requests: {growth:+.1%} ({verdict(growth <= MAX_GROWTH)})", growth <= MAX_GROWTH
        lines = count_lines(Path(folder) / "log") - lines
        yield f"lines of log: {lines} ({verdict(lines <= total)})", lines <= total
        right = is_right(address)
        yield f"a recording afterwards: {verdict(right)}", right


def count_lines(log: Path) -> int:
    """The lines of a log so far."""
    return log.read_bytes().count(b"\n")


def exceed_limits() -> Iterator[tuple[str, bool]]:
    """Ask a page for more than one address may have; yield lines, and whether they are good."""
    with served(limits=True) as (_, address), ExitStack() as opened:
        api = f"{address}/gradio_api"
        streams = Counter(
            opened.enter_context(httpx.stream("GET", f"{api}/heartbeat/{number}", timeout=120)).status_code
            for number in range(MAX_OPEN + 20)
        )
        good = streams == {200: MAX_OPEN, 429: 20}
        yield f"{MAX_OPEN + 20} open streams: {streams[200]} accepted, {streams[429]} x 429 ({verdict(good)})", good
    with served(limits=True) as (_, address), httpx.Client(timeout=120) as stranger:
        api = f"{address}/gradio_api"
        count = REQUESTS.amount + 100
        answers = Counter(stranger.get(f"{api}/queue/status").status_code for _ in range(count))
        good = answers[429] >= 50 and answers[200] <= 2 * REQUESTS.amount
        yield f"{answers.total()} requests: {answers[200]} accepted, {answers[429]} x 429 ({verdict(good)})", good


def main() -> int:
    """Print the table. Returns 1 if anything failed, else 0."""
    parser = argparse.ArgumentParser(prog="benchmarks.abuse", description=__doc__.splitlines()[0])
    parser.parse_args()
    good = True
    for part in (attack_without_limits, exceed_limits):
        for line, passes in part():
            print(line, flush=True)
            good = good and passes
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
