"""`kikitori batch`: transcribe what a list or a folder names, and write one report.

    list or folder -> items of this shard -> longest first -> workers -> rows -> report

The output of an item is that of the shell. What is finished is left alone by another run, and what is not continues
from its journal.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec

from kikitori.batch.cluster import ADDRESS, MAX_STARTS, Lost, MakeWorker, joined_cluster
from kikitori.batch.items import Item, Shard, check_outputs, find_items, longest_first
from kikitori.batch.remote import is_url
from kikitori.batch.report import Progress, ReportFile, Rows, open_report
from kikitori.batch.worker import Outcome, Silence, Worker, make_row
from kikitori.cli.delivery import TIMED_FORMATS, Delivery, estimates_note, formats_of
from kikitori.cli.inputs import SUFFIXES
from kikitori.cli.interrupts import sigterm_interrupts
from kikitori.cli.options import parse_options
from kikitori.cli.parser import Parser
from kikitori.cli.report import Report, make_report
from kikitori.cli.run import EXIT_CLOSED, EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED
from kikitori.errors import SpeechError
from kikitori.processes import count_of
from kikitori.strings import displayed


def main(argv: list[str]) -> int:
    """Transcribe all items of the job or of one shard. Returns an exit code."""
    options = _parse(argv)
    with make_report(options.progress) as report, sigterm_interrupts():
        try:
            return _run(options, report)
        except KeyboardInterrupt:
            report.say("interrupted: the same command continues", "note")
            return EXIT_INTERRUPTED
        except BrokenPipeError:
            return EXIT_CLOSED
        except SpeechError as error:
            report.say(str(error), "error")
            return EXIT_FAILED


def _parse(argv: list[str]) -> argparse.Namespace:
    """The options of the shell for one list or folder, and those of a batch."""
    parser = Parser(
        prog="kikitori batch",
        usage="%(prog)s LIST_OR_FOLDER --direction DIRECTION -o OUT [options]",
        description="Transcribe the recordings that a list (one path or URL per line, relative to the list) names or a "
        "folder holds, longest first, and write OUT/report.jsonl. What is finished is skipped, so the same command "
        "continues. Lists, folders and OUT may be URLs, such as s3://bucket/calls.",
        epilog="All other options are those of `kikitori`.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "-o",
        "--output_dir",
        "--output-dir",
        metavar="OUT",
        help="the folder for the output and the report: a path or URL",
    )
    parser.add_argument(
        "--shard",
        type=_shard,
        default=Shard(0, 1),
        metavar="I/N",
        help="do only part I of N, from 0 on: the same command with 0/N to N-1/N, on any machines, does all",
    )
    parser.add_argument(
        "--cores",
        type=count_of("cores"),
        metavar="N",
        help="on a Ray cluster without GPUs: how many cores each worker gets (default: 4, or all of a small machine's)",
    )
    own, rest = parser.parse_known_args(argv)
    if own.output_dir is None:
        parser.error("name the folder for the output with -o")
    options = parse_options(["--output_dir", own.output_dir, *rest], parser)
    if len(options.audio) != 1 or options.files_from is not None:
        parser.error("name one list or one folder of recordings")
    if options.skip_existing:
        parser.error("--skip_existing has no effect: what is finished is skipped anyway, so leave it out")
    (options.source_list,) = options.audio
    if os.path.splitext(options.source_list)[1].lower() in SUFFIXES and not os.path.isdir(options.source_list):
        parser.error(f"{options.source_list} is a recording: name a list of recordings or a folder")
    if own.cores and not os.environ.get(ADDRESS):
        parser.error(f"--cores has no effect without a Ray cluster: set {ADDRESS}, or leave it out")
    if os.environ.get(ADDRESS) and not find_spec("ray"):
        parser.error(f"{ADDRESS} is set, and Ray is missing: pip install 'kikitori[cluster]', or unset {ADDRESS}")
    options.shard, options.cores, options.resume = own.shard, own.cores, True
    options.output_url = own.output_dir if is_url(own.output_dir) else ""
    options.output_dir = options.output_dir.absolute()  # without a meaning if the output has a URL
    return options


def _shard(text: str) -> Shard:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text} is not a shard: write I/N, such as 0/4")
    shard = Shard(*map(int, found.groups()))
    if not shard.number < shard.count:
        last = max(shard.count, 1)
        raise argparse.ArgumentTypeError(f"there is no shard {text}: choose one of 0/{last} to {last - 1}/{last}")
    return shard


def _run(options: argparse.Namespace, report: Report) -> int:
    items = find_items(options.source_list, options.recursive)
    others = filter(None, (options.source_list, options.context_file, options.replace_file))
    check_outputs(items, options.output_url or options.output_dir, formats_of(options), map(str, others))
    items = [item for item in items if options.shard.holds(item.place)]
    with open_report(options) as file:
        if items:
            _work(options, items, file, report)
        counts = file.finish(items)
    said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no recordings in this shard"
    if file.skipped:
        said += f"; skipped, because an earlier run has finished them: {file.skipped}"
    report.say(f"written: {file.place}: {said}")
    return _exit_code(counts)


def _work(options: argparse.Namespace, items: list[Item], file: ReportFile, report: Report) -> None:
    """Work on the items, and keep their rows."""
    ordered = longest_first(items)
    work = work_on_cluster if os.environ.get(ADDRESS) else work_here
    progress = Progress(report, ordered)
    is_noted = options.align or not TIMED_FORMATS & set(formats_of(options))
    for outcome in work(options, ordered, file.earlier, report):
        file.add(outcome)
        item = progress.tell(outcome)
        if not is_noted and outcome.is_new and outcome.row["confidence"] is not None:  # it has words
            report.say(estimates_note(options.direction), "note")
            is_noted = True
        if not outcome.row["error"] and not options.output_url:  # otherwise it holds what need not be done again
            Delivery(options, item.recording, False, report).journal_path.unlink(missing_ok=True)


def work_here(options: argparse.Namespace, items: Iterable[Item], earlier: Rows, report: Report) -> Iterator[Outcome]:
    """Work on the items in this process, one after another. earlier: finished rows by path. Raises CheckpointError."""
    worker = Worker(options, report)
    return (worker.do(item, earlier.take(displayed(item.place))) for item in items)


def work_on_cluster(
    options: argparse.Namespace,
    items: Sequence[Item],
    earlier: Rows,
    report: Report,
    make_worker: MakeWorker | None = None,
) -> Iterator[Outcome]:
    """Work on the items with all workers of the Ray cluster. The outcomes come in the order in which the items end.

    With vLLM the workers need no GPU: its servers have them. Raises BatchError and CheckpointError.
    """
    takes_gpu = options.engine == "local" and not (options.device or "cuda").startswith("cpu")
    with joined_cluster(takes_gpu, options.cores) as cluster:
        count = min(cluster.workers, len(items))
        report.say(f"{count} worker(s) on {cluster.machines} machine(s)")
        tasks = ((item, earlier.take(displayed(item.place))) for item in items)
        # A worker that is lost while it loads its models has no recording yet, which would be begun in vain.
        loads_now = any(displayed(item.place) not in earlier for item in items)
        make_worker = make_worker or partial(Worker, options, Silence(), loads_now)
        left = len(items)

        def say(message: str) -> None:
            report.say(f"{message}; recordings left: {left}", "note")

        for (item, _), outcome in cluster.do_all(make_worker, tasks, count, say):
            left -= 1
            yield _lost(item) if isinstance(outcome, Lost) else outcome


def _lost(item: Item) -> Outcome:
    message = f"{displayed(item.shown)}: its worker ended {MAX_STARTS} times without an answer, for example because it "
    message += "needed too much memory; see the logs of Ray, and transcribe it on its own"
    return Outcome(item.place, make_row(item, "failed", {"code": "worker_lost", "message": message}), True)


def _exit_code(counts: Counter[str]) -> int:
    if counts["failed"]:
        return EXIT_FAILED
    return EXIT_INCOMPLETE if counts["incomplete"] else EXIT_DONE
