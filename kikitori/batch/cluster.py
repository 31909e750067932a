"""Workers on a Ray cluster: each loads its models once, and gets one task after another.

    tasks -> a worker per GPU or per some cores -> results, in the order in which they end

Nothing of a task waits in Ray: it is handed out when a worker is free, and its result is taken at once. So neither
Ray's object store nor the memory of this process grows with the number of tasks. If a worker or its machine is lost,
another worker is started, and the task goes to the next one that is free.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from kikitori.cli.interrupts import sigterm_interrupts
from kikitori.errors import BatchError
from kikitori.strings import displayed

ADDRESS = "RAY_ADDRESS"
"""The environment variable that names the cluster, as in Ray's own programs."""
CORES = 4
"""How many cores a worker gets on machines without a GPU, unless the user has chosen."""
MAX_STARTS = 3
"""How often a task is begun. One that ends each of its workers must not end all."""

Task = tuple[Any, ...]
"""The arguments of a worker's method `do`."""


class Worker(Protocol):
    """What has loaded its models. Its results can be pickled."""

    def do(self, *task: Any) -> Any:
        """Do one task. An exception ends the job."""


MakeWorker = Callable[[], Worker]
"""Loads the models; can be pickled, because it is called in the worker's process."""


class Lost:
    """In place of a result: the task was begun MAX_STARTS times, and each time its worker was lost."""


@dataclass(frozen=True)
class Cluster:
    """The cluster that this process has joined.

    workers: how many fit its machines. needed: what each gets, as Ray's options.
    """

    machines: int
    workers: int
    needed: Mapping[str, int]

    def do_all(self, make_worker: MakeWorker, tasks: Iterable[Task], count: int) -> Iterator[tuple[Task, Any]]:
        """Yield each task and its result (or Lost), as they end. count: of workers.

        Raises what a worker raises, and BatchError if no worker can be started.
        """
        import ray

        try:
            yield from _Pool(make_worker, tasks, min(count, self.workers), self.needed).results()
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise _failed(str(error)) from error


@contextmanager
def joined_cluster(takes_gpu: bool, cores: int | None = None) -> Iterator[Cluster]:
    """Join the cluster that RAY_ADDRESS names.

    takes_gpu: a worker has a GPU for itself, if the cluster has any. cores: of each worker on a cluster without; None
    for CORES. Raises BatchError if the cluster can't be joined, or if it has no machine that is large enough.
    """
    import ray

    try:
        ray.init(address=os.environ[ADDRESS], logging_level=logging.ERROR)
    except Exception as error:
        raise BatchError("cluster_unreachable", address=os.environ[ADDRESS], why=displayed(str(error))) from error
    try:
        with sigterm_interrupts():  # Ray would abort the process
            yield _measured(ray.nodes(), takes_gpu, cores)
    finally:
        ray.shutdown()


def _measured(nodes: Sequence[Mapping], takes_gpu: bool, cores: int | None) -> Cluster:
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = sum(int(one.get("GPU", 0)) for one in resources)
    if gpus and takes_gpu:
        return Cluster(len(resources), gpus, {"num_gpus": 1})
    most = max((int(one.get("CPU", 0)) for one in resources), default=0)
    cores = cores or min(CORES, max(most, 1))
    count = sum(int(one.get("CPU", 0)) // cores for one in resources)
    if not count:
        raise BatchError("no_worker_fits", cores=cores, limit=most)
    return Cluster(len(resources), count, {"num_cpus": cores})


class _Actor:
    """A worker as Ray starts it: at once, so that an error while its models are loaded is a result like others."""

    def __init__(self, make_worker: MakeWorker):
        self._make_worker = make_worker

    def load(self) -> None:
        self._worker = self._make_worker()

    def do(self, *task: Any) -> Any:
        return self._worker.do(*task)


class _Begun:
    """A task, and how often it was begun."""

    def __init__(self, task: Task):
        self.task = task
        self.starts = 0


class _Pool:
    """Gives each worker that is free the next task.

    running: what Ray works on. A worker that loads its models has no task yet, so none waits for a worker that can't be
    started because its machine is gone.
    """

    def __init__(self, make_worker: MakeWorker, tasks: Iterable[Task], count: int, needed: Mapping[str, int]):
        import ray

        self._actor = ray.remote(max_restarts=0, max_task_retries=0, **needed)(_Actor)
        self._make_worker = make_worker
        self._left = map(_Begun, tasks)
        self._again: deque[_Begun] = deque()
        self._has_more = True
        self._running: dict[Any, tuple[Any, _Begun | None]] = {}
        self._free: list[Any] = []
        self._failed_starts = 0
        for _ in range(count):
            self._start_worker()

    def results(self) -> Iterator[tuple[Task, Any]]:
        """Yield each task and its result, or Lost."""
        while self._has_more or self._again or any(begun for _, begun in self._running.values()):
            for reference in self._ended():
                worker, begun = self._running.pop(reference)
                if (result := self._result(reference, worker, begun)) is not None:
                    yield result
            while self._free and (begun := self._next()):
                self._begin(self._free.pop(), begun)

    def _ended(self) -> Sequence[Any]:
        import ray

        ray.wait(list(self._running), num_returns=1)
        return ray.wait(list(self._running), num_returns=len(self._running), timeout=0)[0]

    def _result(self, reference: Any, worker: Any, begun: _Begun | None) -> tuple[Task, Any] | None:
        """The result of a task that has ended; None if there is none, because it has to be done again."""
        import ray

        try:
            result = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            return self._replace_worker(error, begun)
        self._free.append(worker)
        if begun is None:
            self._failed_starts = 0
            return None
        return begun.task, result

    def _replace_worker(self, error: Exception, begun: _Begun | None) -> tuple[Task, Any] | None:
        if begun is None:
            self._failed_starts += 1
            if self._failed_starts >= MAX_STARTS:
                raise _failed(str(error)) from error
        self._start_worker()
        if begun is None:
            return None
        if begun.starts >= MAX_STARTS:
            return begun.task, Lost()
        self._again.append(begun)
        return None

    def _next(self) -> _Begun | None:
        if self._again:
            return self._again.popleft()
        begun = next(self._left, None)
        self._has_more = begun is not None
        return begun

    def _begin(self, worker: Any, begun: _Begun) -> None:
        begun.starts += 1
        self._running[worker.do.remote(*begun.task)] = worker, begun

    def _start_worker(self) -> None:
        worker = self._actor.remote(self._make_worker)
        self._running[worker.load.remote()] = worker, None


def _failed(message: str) -> BatchError:
    why = displayed(message.strip().splitlines()[-1])
    return BatchError("cluster_failed", address=os.environ[ADDRESS], why=why)
