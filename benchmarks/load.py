"""A load test of the page: `python -m benchmarks.load` starts it with the tiny checkpoint and prints a report.

In each round 50 clients send a request at the same moment, each a recording under its own file name, to all endpoints.
Some of them cancel or disconnect. An answer is right if it has the request's file name and that recording's words; a
lost answer or another client's is an error. A final burst sends more requests than the queue holds. The number of
requests is bounded.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from gradio_client import Client, handle_file

from benchmarks.served import ROOT, served
from kikitori.strings import join_texts
from kikitori.text.tags import parse_turns

FOLDERS = (ROOT / "tests" / "recordings", ROOT / "examples")
ENDPOINTS = {
    "diarize": "/diarize",
    "pt": "/transcribe_portuguese",
    "en2ja": "/translate",
    "ja2en": "/translate",
    "transcribe": "/transcribe",
}
CLIENTS, ROUNDS = 50, 10
ALONE = 20  # sequential requests, to compare with
FLOOD = 140  # requests in the final burst: twice what is served and queued
# Last digit of the numbers of clients that cancel, and that disconnect.
CANCELLING, VANISHING = 7, 9
POLL_SECONDS = 0.05  # between two looks at a queue position
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Question:
    """A request: a recording under its own file name, and the words in it."""

    path: Path
    direction: str
    text: str

    @property
    def endpoint(self) -> str:
        """The endpoint of the direction."""
        return ENDPOINTS[self.direction]

    def is_answered_by(self, transcript: dict) -> bool:
        """Return whether a transcript belongs to this request."""
        answer = transcript["audio"], transcript["direction"], transcript["text"]
        return answer == (self.path.name, self.direction, self.text)


@dataclass
class Report:
    """The outcome of a load test.

    outcomes: number of requests that were right, cancelled, vanished, refused or wrong. complaints: one sentence per
    wrong answer. alone, together: seconds of sequential and of simultaneous requests. ranks: queue positions shown to
    clients. memory: bytes of the server after each round. peak: its most bytes.
    """

    outcomes: Counter = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    peak: int = 0
    refused_in_flood: int = 0
    accepted_in_flood: int = 0

    def lines(self) -> Iterator[str]:
        """Yield the lines of a Markdown table."""
        alone = statistics.median(self.alone)
        quantiles = statistics.quantiles(self.together, n=20)
        without_answer = f"{self.outcomes['cancelled']}, {self.outcomes['vanished']}"
        rows = {
            "requests": self.outcomes.total(),
            "right answers": self.outcomes["right"],
            "cancelled, disconnected": without_answer,
            "errors: wrong or lost answers, or another client's": self.outcomes["wrong"],
            "one request alone, median": f"{alone:.2f} s",
            "p50, p95 of simultaneous requests": f"{quantiles[9] / alone:.0f}, {quantiles[18] / alone:.0f} times that",
            "last queue position shown to a client": max(self.ranks, default=0) + 1,
            "final burst: queued and answered": self.accepted_in_flood,
            "final burst: refused with a message": self.refused_in_flood,
            "memory after the first round": mebibytes(self.memory[0]),
            "memory after the last round": f"{mebibytes(self.memory[-1])} ({self.growth:+.1%})",
            "peak memory": mebibytes(self.peak),
        }
        yield from ("| | |", "| --- | --- |", *(f"| {name} | {figure} |" for name, figure in rows.items()))

    @property
    def growth(self) -> float:
        """Relative growth of memory from the first round to the last."""
        return self.memory[-1] / self.memory[0] - 1


def mebibytes(count: int) -> str:
    """Format bytes as MiB."""
    return f"{count / 2**20:,.0f} MiB"


def request(direction: str, path: Path | None) -> dict:
    """Return the arguments of `Client.predict` and `Client.submit` for a recording; path may be None."""
    options = {"direction": direction} if ENDPOINTS[direction] == "/translate" else {}
    return {"audio": handle_file(path) if path else None, "api_name": ENDPOINTS[direction], **options}


def questions(folder: Path, count: int) -> list[Question]:
    """Make `count` requests, alternating between the directions; each recording is copied to its own file name."""
    known = []
    for source in FOLDERS:
        for name, entry in json.loads((source / "references.json").read_text(encoding="utf-8")).items():
            text = join_texts(turn.text for turn in parse_turns(entry["reference"])[0])
            known.append((source / name, entry["direction"], text))
    made = []
    for number in range(count):
        path, direction, text = known[number * 7 % len(known)]  # 7 and len(known) have no common divisor
        made.append(Question(Path(shutil.copy(path, folder / f"visitor-{number}{path.suffix}")), direction, text))
    return made


def ask(client: Client, question: Question, report: Report) -> None:
    """Send a request, poll its queue position, and check the answer."""
    clock = time.monotonic()
    job = client.submit(**request(question.direction, question.path))
    while not job.done():
        if (rank := job.status().rank) is not None:
            report.ranks.append(rank)
        time.sleep(POLL_SECONDS)
    try:
        right = question.is_answered_by(job.result(timeout=PATIENCE_SECONDS))
        complaint = f"{question.path.name} got another answer"
    except Exception as error:  # every error belongs in the report
        right, complaint = False, f"{question.path.name}: {error!r}"
    report.outcomes["right" if right else "wrong"] += 1
    if right:
        report.together.append(time.monotonic() - clock)
    else:
        report.complaints.append(complaint)


def leave(client: Client, question: Question, report: Report, cancels: bool) -> None:
    """Send a request, and cancel it or disconnect before the answer."""
    api = f"{client.src.rstrip('/')}/gradio_api"
    with httpx.Client(timeout=PATIENCE_SECONDS) as raw:
        (path,) = raw.post(f"{api}/upload", files={"files": (question.path.name, question.path.read_bytes())}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        data += [question.direction, False] if question.endpoint == "/translate" else [False]
        url = f"{api}/call{question.endpoint}"
        event = raw.post(url, json={"data": data}).json()["event_id"]
        if cancels:
            raw.post(f"{api}/cancel", json={"session_hash": event, "fn_index": 0, "event_id": event})
        else:
            with raw.stream("GET", f"{url}/{event}"):
                pass
    report.outcomes["cancelled" if cancels else "vanished"] += 1


def visit(number: int, client: Client, question: Question, report: Report, start: threading.Barrier) -> None:
    """Run one client, as soon as all are ready."""
    start.wait()
    if number % 10 in (CANCELLING, VANISHING):
        leave(client, question, report, cancels=number % 10 == CANCELLING)
    else:
        ask(client, question, report)


def flood(address: str, question: Question, report: Report) -> None:
    """Send more requests at once than are served and queued. The excess must be refused with a message."""
    url = f"{address}/gradio_api/call{question.endpoint}"
    with httpx.Client(timeout=PATIENCE_SECONDS) as raw:
        upload = f"{address}/gradio_api/upload"
        (path,) = raw.post(upload, files={"files": (question.path.name, question.path.read_bytes())}).json()
        data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, False]}
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda _: raw.post(url, json=data), range(FLOOD)))
        for answer in answers:
            if answer.status_code == 200:
                events = raw.get(f"{url}/{answer.json()['event_id']}").text
                right = question.is_answered_by(json.loads(events.split("data: ")[-1])[0])
                report.accepted_in_flood += right
                report.outcomes["right" if right else "wrong"] += 1
            else:
                refused = answer.status_code == 503 and answer.json()["detail"].startswith("Queue is full")
                report.refused_in_flood += refused
                report.outcomes["refused" if refused else "wrong"] += 1


def load(clients: int = CLIENTS, rounds: int = ROUNDS, alone: int = ALONE) -> Report:
    """Start the page, run the load test, and stop the page."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder, served() as (process, address):
        asked = questions(Path(folder), clients)
        visitors = [Client(address, verbose=False) for _ in asked]
        warm = Report()
        for question in asked[:8]:  # loads every checkpoint and calls every endpoint
            ask(visitors[0], question, warm)
        for question in (asked * alone)[:alone]:
            ask(visitors[0], question, warm)
        report.alone = warm.together[8:]
        report.complaints += warm.complaints
        for _ in range(rounds):
            start = threading.Barrier(clients)
            with ThreadPoolExecutor(clients) as pool:
                pairs = zip(visitors, asked, strict=True)
                for visited in [pool.submit(visit, n, *pair, report, start) for n, pair in enumerate(pairs)]:
                    visited.result()
            wait_until_idle(address)
            report.memory.append(memory_of(process.pid, "VmRSS"))
        flood(address, next(question for question in asked if question.direction == "pt"), report)
        report.peak = memory_of(process.pid, "VmHWM")
    return report


def wait_until_idle(address: str) -> None:
    """Wait until the queue is empty, requests of disconnected clients included."""
    while httpx.get(f"{address}/gradio_api/queue/status").json()["queue_size"]:
        time.sleep(POLL_SECONDS)


def memory_of(process: int, name: str) -> int:
    """Return a value of /proc/PID/status in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE).group(1))


def main() -> int:
    """Print the report. Returns 1 if an answer was wrong, else 0."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"simultaneous clients (default: {CLIENTS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    options = parser.parse_args()
    report = load(options.clients, options.rounds)
    print("\n".join([*report.lines(), *report.complaints]))
    return 1 if report.outcomes["wrong"] or report.complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
