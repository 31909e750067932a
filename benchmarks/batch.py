"""What a batch costs besides the transcription: `python -m benchmarks.batch` prints seconds per 1,000 recordings.

The recordings are short, and the worker answers at once, so all that is left is listing, reading headers, handing out,
and writing the report. With `RAY_ADDRESS`, the items go through Ray.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.served import ROOT
from kikitori.batch.cluster import ADDRESS
from kikitori.batch.command import work_on_cluster
from kikitori.batch.items import Item, Shard, check_outputs, find_items, longest_first
from kikitori.batch.report import Progress, ReportFile, Rows
from kikitori.batch.worker import Outcome, Row, make_row
from kikitori.cli.report import TextReport

CLIP = ROOT / "examples" / "portuguese_daily.flac"


class InstantWorker:
    """A worker without a model."""

    def do(self, item: Item, earlier: Row | None) -> Outcome:
        """Return an empty row."""
        return Outcome(item.place, make_row(item, "done", None), True)


class _Quiet(TextReport):
    def say(self, message: str, level: str = "info", recording: str = "") -> None:
        """Say only how many workers there are."""
        if "worker(s)" in message:
            print(message)


def main(argv: list[str] | None = None) -> int:
    """Measure each step, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=10_000)
    parser.add_argument("--cores", type=int, default=1, help="cores per worker, with Ray")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        measure(options.recordings, options.cores, Path(folder))
    return 0


def measure(count: int, cores: int, folder: Path) -> None:
    """Print the seconds of each step for `count` recordings in a folder that is empty."""
    source, out = folder / "in", folder / "out"
    source.mkdir()
    shutil.copy(CLIP, source / "0.flac")
    for number in range(1, count):
        os.link(source / "0.flac", source / f"{number}.flac")
    print(f"{count:,} recordings; seconds per 1,000:")
    with _measured("listing", count):
        items = find_items(str(source), recursive=False)
        check_outputs(items, out, ["json"])
    with _measured("headers", count):
        items = longest_first(items)
    file, progress = ReportFile(out, Shard(0, 1)), Progress(_Quiet(), items)
    options = argparse.Namespace(device="cpu", cores=cores, engine="local")
    if os.environ.get(ADDRESS):
        with _measured("Ray, its start included", count):
            outcomes = list(work_on_cluster(options, items, Rows(), _Quiet(), InstantWorker))
    else:
        worker = InstantWorker()
        outcomes = [worker.do(item, None) for item in items]
    with _measured("report", count):
        for outcome in outcomes:
            file.add(outcome)
            progress.tell(outcome)
        file.finish(items)
    size = file.path.stat().st_size / count
    print(f"{size:.0f} bytes of report per recording; memory {psutil.Process().memory_info().rss >> 20} MiB")


@contextmanager
def _measured(step: str, count: int) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    print(f"  {step}: {(time.perf_counter() - begun) * 1000 / count:.3f}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
