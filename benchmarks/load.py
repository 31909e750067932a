"""Many visitors at once: `python -m benchmarks.load` starts the page on the tiny checkpoint and prints a report.

Every round 50 clients ask at the same moment, each for a recording under a name of its own, through all endpoints; some
cancel, some vanish. An answer counts as right only if it names its own file and says that file's own words, so a mixed
up, lost or wrong one is an error. At the end more ask than may wait. All of it is bounded by the number of requests.
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
ENDPOINTS = {"diarize": "/diarize", "pt": "/transcribe_portuguese", "en2ja": "/translate", "ja2en": "/translate"}
CLIENTS, ROUNDS = 50, 10
ALONE = 20
"""Requests one after another that the others are compared with."""
FLOOD = 140
"""Requests at once in the end: twice what is served and may wait."""
CANCELLING, VANISHING = 7, 9
"""Every tenth client with this last digit."""
LOOK_SECONDS = 0.05
"""How often a client asks where it stands, and how often memory is read."""
PATIENCE_SECONDS = 600


@dataclass(frozen=True)
class Question:
    """A recording under a name of its own, and the words in it."""

    path: Path
    direction: str
    text: str

    @property
    def endpoint(self) -> str:
        """Where it is asked."""
        return ENDPOINTS[self.direction]

    def is_answered_by(self, transcript: dict) -> bool:
        """Whether this transcript is its own."""
        said = transcript["audio"], transcript["direction"], transcript["text"]
        return said == (self.path.name, self.direction, self.text)


@dataclass
class Report:
    """What came of a load."""

    outcomes: Counter = field(default_factory=Counter)
    """How many requests were right, cancelled, vanished, refused, or wrong."""
    complaints: list[str] = field(default_factory=list)
    """What the wrong ones said."""
    alone: list[float] = field(default_factory=list)
    """Seconds of requests one after another."""
    together: list[float] = field(default_factory=list)
    """Seconds of requests beside the others."""
    ranks: list[int] = field(default_factory=list)
    """Places in the queue that clients were told."""
    memory: list[int] = field(default_factory=list)
    """Bytes of the server after each round."""
    peak: int = 0
    """The most bytes."""
    refused_in_flood: int = 0
    accepted_in_flood: int = 0

    def lines(self) -> Iterator[str]:
        """A table in Markdown."""
        alone = statistics.median(self.alone)
        quantiles = statistics.quantiles(self.together, n=20)
        left = f"{self.outcomes['cancelled']}, {self.outcomes['vanished']}"
        rows = {
            "requests": self.outcomes.total(),
            "answered right": self.outcomes["right"],
            "cancelled, vanished": left,
            "errors: wrong, lost or someone else's answers": self.outcomes["wrong"],
            "one request alone": f"{alone:.2f} s",
            "p50, p95 beside the others": f"{quantiles[9] / alone:.0f}, {quantiles[18] / alone:.0f} times that",
            "furthest place in the queue that a client was told": max(self.ranks, default=0) + 1,
            "asked past the bound: waited and were answered": self.accepted_in_flood,
            "asked past the bound: refused, and told so": self.refused_in_flood,
            "memory after the first round": mebibytes(self.memory[0]),
            "memory after the last round": f"{mebibytes(self.memory[-1])} ({self.growth:+.1%})",
            "peak memory": mebibytes(self.peak),
        }
        yield from ("| | |", "| --- | --- |", *(f"| {name} | {figure} |" for name, figure in rows.items()))

    @property
    def growth(self) -> float:
        """Of memory from the first round to the last, as a part of the first."""
        return self.memory[-1] / self.memory[0] - 1


def mebibytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 2**20:,.0f} MiB"


def request(direction: str, path: Path | None) -> dict:
    """The arguments of `Client.predict` and `Client.submit` that ask for a recording, None for none."""
    options = {"direction": direction} if ENDPOINTS[direction] == "/translate" else {}
    return {"audio": handle_file(path) if path else None, "api_name": ENDPOINTS[direction], **options}


def questions(folder: Path, count: int) -> list[Question]:
    """So many recordings, in turns from every direction, each copied to a name of its own."""
    known = []
    for source in FOLDERS:
        for name, entry in json.loads((source / "references.json").read_text(encoding="utf-8")).items():
            text = join_texts(turn.text for turn in parse_turns(entry["reference"])[0])
            known.append((source / name, entry["direction"], text))
    made = []
    for number in range(count):
        path, direction, text = known[number * 7 % len(known)]  # 7 and their number have no common divisor
        made.append(Question(Path(shutil.copy(path, folder / f"visitor-{number}{path.suffix}")), direction, text))
    return made


def ask(client: Client, question: Question, report: Report) -> None:
    """One visitor who waits for the answer, and looks where it stands meanwhile."""
    clock = time.monotonic()
    job = client.submit(**request(question.direction, question.path))
    while not job.done():
        if (rank := job.status().rank) is not None:
            report.ranks.append(rank)
        time.sleep(LOOK_SECONDS)
    try:
        right = question.is_answered_by(job.result(timeout=PATIENCE_SECONDS))
        complaint = f"{question.path.name} got another answer"
    except Exception as error:  # whatever it is belongs in the report
        right, complaint = False, f"{question.path.name}: {error!r}"
    report.outcomes["right" if right else "wrong"] += 1
    if right:
        report.together.append(time.monotonic() - clock)
    else:
        report.complaints.append(complaint)


def leave(client: Client, question: Question, report: Report, cancels: bool) -> None:
    """One visitor who asks, and cancels or hangs up before there is an answer."""
    api = f"{client.src.rstrip('/')}/gradio_api"
    with httpx.Client(timeout=PATIENCE_SECONDS) as raw:
        (path,) = raw.post(f"{api}/upload", files={"files": (question.path.name, question.path.read_bytes())}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}]
        data += [question.direction, False] if question.endpoint == "/translate" else [False]
        call = f"{api}/call{question.endpoint}"
        event = raw.post(call, json={"data": data}).json()["event_id"]
        if cancels:
            raw.post(f"{api}/cancel", json={"session_hash": event, "fn_index": 0, "event_id": event})
        else:
            with raw.stream("GET", f"{call}/{event}"):
                pass
    report.outcomes["cancelled" if cancels else "vanished"] += 1


def visit(number: int, client: Client, question: Question, report: Report, start: threading.Barrier) -> None:
    """What a client does when all have come."""
    start.wait()
    if number % 10 in (CANCELLING, VANISHING):
        leave(client, question, report, cancels=number % 10 == CANCELLING)
    else:
        ask(client, question, report)


def flood(address: str, question: Question, report: Report) -> None:
    """More than may wait ask at once: who is refused is told so, everyone else is answered."""
    call = f"{address}/gradio_api/call{question.endpoint}"
    with httpx.Client(timeout=PATIENCE_SECONDS) as raw:
        upload = f"{address}/gradio_api/upload"
        (path,) = raw.post(upload, files={"files": (question.path.name, question.path.read_bytes())}).json()
        data = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, False]}
        with ThreadPoolExecutor(CLIENTS) as pool:
            asked = list(pool.map(lambda _: raw.post(call, json=data), range(FLOOD)))
        for answer in asked:
            if answer.status_code == 200:
                events = raw.get(f"{call}/{answer.json()['event_id']}").text
                right = question.is_answered_by(json.loads(events.split("data: ")[-1])[0])
                report.accepted_in_flood += right
                report.outcomes["right" if right else "wrong"] += 1
            else:
                polite = answer.status_code == 503 and answer.json()["detail"].startswith("Queue is full")
                report.refused_in_flood += polite
                report.outcomes["refused" if polite else "wrong"] += 1


def load(clients: int = CLIENTS, rounds: int = ROUNDS, alone: int = ALONE) -> Report:
    """Start the page, ask it, and stop it."""
    report = Report()
    with tempfile.TemporaryDirectory() as folder, served() as (process, address):
        asked = questions(Path(folder), clients)
        visitors = [Client(address, verbose=False) for _ in asked]
        warm = Report()
        for question in asked[:8]:  # every checkpoint and endpoint
            ask(visitors[0], question, warm)
        for question in (asked * alone)[:alone]:
            ask(visitors[0], question, warm)
        report.alone = warm.together[8:]
        report.complaints += warm.complaints
        for _ in range(rounds):
            start = threading.Barrier(clients)
            with ThreadPoolExecutor(clients) as pool:
                people = zip(visitors, asked, strict=True)
                for visited in [pool.submit(visit, n, *who, report, start) for n, who in enumerate(people)]:
                    visited.result()
            wait_for_silence(address)
            report.memory.append(memory_of(process.pid, "VmRSS"))
        flood(address, next(question for question in asked if question.direction == "pt"), report)
        report.peak = memory_of(process.pid, "VmHWM")
    return report


def wait_for_silence(address: str) -> None:
    """Until nobody waits any more, of those who left either."""
    while httpx.get(f"{address}/gradio_api/queue/status").json()["queue_size"]:
        time.sleep(LOOK_SECONDS)


def memory_of(process: int, name: str) -> int:
    """A figure of /proc/PID/status, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return 1024 * int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE).group(1))


def main() -> int:
    """Print the report; exit code 1 where an answer was wrong."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"at once (default: {CLIENTS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    options = parser.parse_args()
    report = load(options.clients, options.rounds)
    print("\n".join([*report.lines(), *report.complaints]))
    return 1 if report.outcomes["wrong"] or report.complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
