"""Tasks done by several processes of this machine, or by workers of a Ray cluster, with results in the tasks' order."""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import islice
from typing import Any

from kikitori.batch.cluster import ADDRESS, MAX_STARTS, Lost, MakeWorker, Task, Worker, joined_cluster, say_on_stderr
from kikitori.errors import BatchError
from kikitori.processes import CONTEXT, cores_for_each, count_of, prepare_process

WAITING = 4
"""How many tasks per process are handed out at once: the first may take longer than those behind it."""

_worker: Worker | None = None
"""That of this process, if a pool has started it."""


def add_workers_option(parser: argparse.ArgumentParser) -> None:
    """Add --workers."""
    parser.add_argument(
        "--workers",
        type=count_of("workers"),
        default=1,
        metavar="N",
        help=f"work in N processes of this machine, or with N workers of the Ray cluster that {ADDRESS} names, with "
        "the data on a drive that its machines share (default: 1, in this process); the results are the same",
    )


def do_in_order(make_worker: MakeWorker, tasks: Iterable[Task], count: int, takes_gpu: bool = False) -> Iterator[Any]:
    """Yield the result of each task, in the order of the tasks.

    count: of workers; one works in this process, and loads its models with the first task. takes_gpu: a worker on a
    cluster has a GPU for itself. Raises what a worker raises, and BatchError if a worker is lost.
    """
    if count == 1:
        worker = _Late(make_worker)
        yield from (worker.do(*task) for task in tasks)
    elif os.environ.get(ADDRESS):
        yield from _on_cluster(make_worker, tasks, count, takes_gpu)
    else:
        yield from _in_processes(make_worker, tasks, count)


class _Numbered:
    """A worker whose tasks begin with their number."""

    def __init__(self, make_worker: MakeWorker):
        self._worker = make_worker()

    def do(self, number: int, *task: Any) -> Any:
        return self._worker.do(*task)


def _on_cluster(make_worker: MakeWorker, tasks: Iterable[Task], count: int, takes_gpu: bool) -> Iterator[Any]:
    ended: dict[int, Any] = {}
    following = 0
    with joined_cluster(takes_gpu, wanted=count) as cluster:
        say_on_stderr(f"{min(count, cluster.workers)} worker(s) on {cluster.machines} machine(s)")
        numbered = ((number, *task) for number, task in enumerate(tasks))
        for (number, *_), result in cluster.do_all(partial(_Numbered, make_worker), numbered, count):
            if isinstance(result, Lost):
                raise BatchError("workers_lost", count=MAX_STARTS)
            ended[number] = result
            while following in ended:
                yield ended.pop(following)
                following += 1


def _in_processes(make_worker: MakeWorker, tasks: Iterable[Task], count: int) -> Iterator[Any]:
    processes = ProcessPoolExecutor(count, CONTEXT, _start, (make_worker, cores_for_each(count)))
    left = iter(tasks)
    waiting: deque[Future] = deque()
    try:
        while True:
            waiting += [processes.submit(_do, task) for task in islice(left, count * WAITING - len(waiting))]
            if not waiting:
                return
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise BatchError("workers_lost", count=1) from error
    finally:
        processes.shutdown(cancel_futures=True)


def _start(make_worker: MakeWorker, threads: int) -> None:
    global _worker
    prepare_process(threads)
    _worker = _Late(make_worker)


class _Late:
    """A worker that is made when its first task comes, so that its error is that task's."""

    def __init__(self, make_worker: MakeWorker):
        self._make_worker = make_worker
        self._worker: Worker | None = None

    def do(self, *task: Any) -> Any:
        self._worker = self._worker or self._make_worker()
        return self._worker.do(*task)


def _do(task: Task) -> Any:
    return _worker.do(*task)
