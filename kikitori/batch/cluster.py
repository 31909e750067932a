"""Workers on a Ray cluster: each loads its models once, and gets one task after another.

    tasks -> a worker per GPU or per some cores -> results, in the order in which they end

Nothing of a task waits in Ray: it is handed out when a worker is free, and its result is taken at once. So neither
Ray's object store nor the memory of this process grows with the number of tasks. If a worker or its machine is lost,
another worker is started, and the task goes to the next one that is free. If no machine is left for it, the job waits
for one, and says so.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from kikitori.cli.interrupts import sigterm_interrupts
from kikitori.errors import BatchError
from kikitori.strings import Duration, displayed

ADDRESS = "RAY_ADDRESS"
"""The environment variable that names the cluster, as in Ray's own programs."""
CORES = 4
"""How many cores a worker gets on machines without a GPU, unless the user has chosen."""
MAX_STARTS = 3
"""How often a task is begun. One that ends each of its workers must not end all."""
CHECK_SECONDS = 2.0
"""How often it is checked, while nothing ends, that some worker still works."""
START_SECONDS = 30.0
"""How long a worker may take to start on a machine that fits, before the machine is taken for busy."""
WAIT_SECONDS = 600.0
"""How long the job waits for a machine. A cluster that starts machines when they are needed takes minutes."""

Task = tuple[Any, ...]
"""The arguments of a worker's method `do`."""


class Worker(Protocol):
    """What has loaded its models. Its results can be pickled."""

    def do(self, *task: Any) -> Any:
        """Do one task. An exception ends the job."""


MakeWorker = Callable[[], Worker]
"""Loads the models; can be pickled, because it is called in the worker's process."""
Say = Callable[[str], None]
"""Tells the user something."""


def say_on_stderr(message: str) -> None:
    """Print a line on standard error."""
    print(message, file=sys.stderr, flush=True)


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

    def do_all(
        self, make_worker: MakeWorker, tasks: Iterable[Task], count: int, say: Say = say_on_stderr
    ) -> Iterator[tuple[Task, Any]]:
        """Yield each task and its result (or Lost), as they end. count: of workers. say: gets why nothing goes on.

        Raises what a worker raises, and BatchError if no worker can be started.
        """
        import ray

        try:
            yield from _Pool(make_worker, tasks, min(count, self.workers), self.needed, say).results()
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise _failed(str(error)) from error


@contextmanager
def joined_cluster(takes_gpu: bool, cores: int | None = None, wanted: int = 1) -> Iterator[Cluster]:
    """Join the cluster that RAY_ADDRESS names.

    takes_gpu: a worker has a GPU for itself, if the cluster has any. cores: of each worker on a cluster without; None
    for CORES, or for fewer if `wanted` workers need that to fit. Raises BatchError if the cluster can't be joined, or
    if it has no machine that is large enough.
    """
    import ray

    if not sys.stderr.isatty():
        _leave_colours_out()
    try:
        ray.init(address=os.environ[ADDRESS], logging_level=logging.ERROR)
    except Exception as error:
        raise BatchError("cluster_unreachable", address=os.environ[ADDRESS], why=displayed(str(error))) from error
    try:
        with sigterm_interrupts():  # Ray would abort the process
            yield measure_cluster(ray.nodes(), takes_gpu, cores, wanted)
    finally:
        ray.shutdown()


def _leave_colours_out() -> None:
    """Ray colours the lines of its processes, in files too, and has no setting against that."""
    import colorama  # which Ray brings

    for codes in (colorama.Fore, colorama.Style):
        for name in vars(codes):
            setattr(codes, name, "")


def measure_cluster(nodes: Sequence[Mapping], takes_gpu: bool, cores: int | None, wanted: int = 1) -> Cluster:
    """Return the cluster of these nodes, as `joined_cluster` takes the rest. Raises BatchError."""
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = sum(int(one.get("GPU", 0)) for one in resources)
    if gpus and takes_gpu:
        return Cluster(len(resources), gpus, {"num_gpus": 1})
    sizes = [int(one.get("CPU", 0)) for one in resources]
    cores = cores or _cores_for(wanted, sizes)
    count = sum(size // cores for size in sizes)
    if not count:
        raise BatchError("no_worker_fits", cores=cores, limit=max(sizes, default=0))
    return Cluster(len(resources), count, {"num_cpus": cores})


def _cores_for(wanted: int, sizes: Sequence[int]) -> int:
    """The most cores per worker, up to CORES, with which so many workers fit machines of these sizes; at least 1."""
    fitting = (cores for cores in range(CORES, 0, -1) if sum(size // cores for size in sizes) >= wanted)
    return next(fitting, 1)


class _Actor:
    """A worker as Ray starts it: at once, so that an error while its models are loaded is a result like others."""

    def __init__(self, make_worker: MakeWorker):
        self._make_worker = make_worker

    def start(self) -> None:
        """Do nothing: that this ends says that the worker has found a machine."""

    def load(self) -> None:
        self._worker = self._make_worker()

    def do(self, *task: Any) -> Any:
        return self._worker.do(*task)


class _Begun:
    """A task, and how often it was begun."""

    def __init__(self, task: Task):
        self.task = task
        self.starts = 0


class _Wait:
    """How long no worker has had a machine. needed: what a worker gets."""

    def __init__(self, needed: Mapping[str, int], say: Say):
        self._needed, self._say = {name.removeprefix("num_").rstrip("s").upper(): n for name, n in needed.items()}, say
        self.end()

    def end(self) -> None:
        """A worker has a machine."""
        self._begun = self._lacking_since = None
        self._is_said = False

    def go_on(self) -> None:
        """Say why no worker has a machine. Raises BatchError if none will have one.

        If all machines are busy, as with another job, they are waited for without a limit.
        """
        import ray

        alive = {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}
        if ray.get_runtime_context().get_node_id() not in alive:
            raise _failed("this machine has lost its place in the cluster, and with it all workers")
        now = time.monotonic()
        self._begun = self._begun or now
        is_lacking = not any(map(self._fits, alive.values()))
        self._lacking_since = (self._lacking_since or now) if is_lacking else None
        if is_lacking and now - self._lacking_since >= WAIT_SECONDS:
            raise _failed(f"it has had no machine for a worker for {Duration(WAIT_SECONDS)}")
        if not self._is_said and (is_lacking or now - self._begun >= START_SECONDS):
            self._is_said = True
            limit = f"; it is waited for up to {Duration(WAIT_SECONDS)}" if is_lacking else ""
            why = "has no machine for one" if is_lacking else "has given its machines to other jobs"
            self._say(f"waiting for a worker: the Ray cluster {why}{limit}")

    def _fits(self, resources: Mapping[str, float]) -> bool:
        return all(resources.get(name, 0) >= count for name, count in self._needed.items())


class _Pool:
    """Gives each worker that is free the next task.

    running: what Ray works on. A worker that starts or loads its models has no task yet, so none waits for a worker
    that can't be started because its machine is gone. starting: those of `running` for which there is no machine yet.
    """

    def __init__(self, make_worker: MakeWorker, tasks: Iterable[Task], count: int, needed: Mapping[str, int], say: Say):
        import ray

        self._actor = ray.remote(max_restarts=0, max_task_retries=0, **needed)(_Actor)
        self._make_worker = make_worker
        self._left = map(_Begun, tasks)
        self._again: deque[_Begun] = deque()
        self._has_more = True
        self._running: dict[Any, tuple[Any, _Begun | None]] = {}
        self._starting: set[Any] = set()
        self._free: list[Any] = []
        self._failed_starts = 0
        self._wait = _Wait(needed, say)
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
        """Wait until something ends, and return all that has. Raises BatchError if nothing can end."""
        import ray

        while not ray.wait(list(self._running), num_returns=1, timeout=CHECK_SECONDS)[0]:
            if len(self._starting) == len(self._running):
                self._wait.go_on()
            else:
                self._wait.end()
        return ray.wait(list(self._running), num_returns=len(self._running), timeout=0)[0]

    def _result(self, reference: Any, worker: Any, begun: _Begun | None) -> tuple[Task, Any] | None:
        """The result of a task that has ended; None if there is none, because it has to be done again."""
        import ray

        has_started = reference in self._starting
        self._starting.discard(reference)
        try:
            result = ray.get(reference)
        except ray.exceptions.RayActorError as error:
            return self._replace_worker(error, begun)
        if has_started:
            self._wait.end()
            self._running[worker.load.remote()] = worker, None
            return None
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
        reference = worker.start.remote()
        self._starting.add(reference)
        self._running[reference] = worker, None


def _failed(message: str) -> BatchError:
    why = displayed(message.strip().splitlines()[-1])
    return BatchError("cluster_failed", address=os.environ[ADDRESS], why=why)
