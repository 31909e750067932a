"""Workers on a Ray cluster: each loads its checkpoint once, and Ray Data hands them one item after another.

    items -> one block each -> a pool of workers, one per GPU or per some cores -> rows

Only paths and rows travel through Ray; recordings and outputs stay on the drives that the machines share. If a worker
or its machine is lost, Ray Data starts another one and gives it the same item, as often as it takes, and the item
continues from its journal. So each start is counted.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pickle
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kikitori.batch.items import Item
from kikitori.batch.worker import Outcome, Row, Silence, Worker, make_row
from kikitori.cli.report import Report
from kikitori.errors import BatchError, CheckpointError
from kikitori.strings import displayed

ADDRESS = "RAY_ADDRESS"
"""The environment variable that names the cluster, as in Ray's own programs."""
CORES = 4
"""How many cores a worker gets on machines without a GPU, unless the user has chosen."""
MAX_STARTS = 3
"""How often an item is begun. One that ends each of its workers must not end all."""


class _Starts:
    """Counts, in one process for all workers, how often each item was begun."""

    def __init__(self):
        self._counts: dict[str, int] = {}

    def count(self, place: str) -> int:
        """Count one more start of an item, and return how many there were."""
        self._counts[place] = self._counts.get(place, 0) + 1
        return self._counts[place]


class _ClusterWorker:
    """A Worker as Ray Data calls it: with a batch of one row, whose values are bytes.

    An error that concerns all items is returned instead of raised, because Ray would start the worker again.
    """

    def __init__(self, make_worker: type[Worker], options: argparse.Namespace, starts: Any):
        self._starts = starts
        self._error: CheckpointError | None = None
        try:
            self._worker = make_worker(options, Silence())
        except CheckpointError as error:
            self._error = error

    def __call__(self, batch: Mapping[str, Sequence]) -> dict[str, list]:
        """Return the outcome of the batch's only item."""
        import ray

        item, earlier = pickle.loads(batch["task"][0])
        if self._error is None:
            try:
                is_lost = ray.get(self._starts.count.remote(item.place)) > MAX_STARTS
                outcome = _lost(item) if is_lost else self._worker.do(item, earlier)
                return {"outcome": [pickle.dumps(tuple(outcome))], "error": [b""]}
            except CheckpointError as error:
                self._error = error
        return {"outcome": [b""], "error": [json.dumps([self._error.code, self._error.values]).encode()]}


def work_on_cluster(
    options: argparse.Namespace,
    items: Sequence[Item],
    earlier: Mapping[str, Row],
    report: Report,
    make_worker: type[Worker] = Worker,
) -> Iterator[Outcome]:
    """Work on the items with all GPUs of the cluster, or with its cores if it has none.

    earlier: finished rows by path. The outcomes come in the order in which the items end. Raises BatchError if the
    cluster can't be joined or has no machine that is large enough, and CheckpointError.
    """
    import ray

    try:
        ray.init(address=os.environ[ADDRESS], logging_level=logging.ERROR)
    except Exception as error:
        raise BatchError("cluster_unreachable", address=os.environ[ADDRESS], why=displayed(str(error))) from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray would abort the process
    try:
        count, needed = _workers(options, ray.nodes())
        report.say(f"{count} worker(s) on {sum(node['Alive'] for node in ray.nodes())} machine(s)")
        yield from _outcomes(make_worker, options, items, earlier, min(count, len(items)), needed)
    except ray.exceptions.RayError as error:
        why = displayed(str(error).strip().splitlines()[-1])
        raise BatchError("cluster_failed", address=os.environ[ADDRESS], why=why) from error
    finally:
        ray.shutdown()


def _outcomes(
    make_worker: type[Worker],
    options: argparse.Namespace,
    items: Sequence[Item],
    earlier: Mapping[str, Row],
    count: int,
    needed: dict[str, int],
) -> Iterator[Outcome]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data._internal").setLevel(logging.ERROR)
    # With the driver, without which nothing goes on anyway: another machine may be lost.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    starts = ray.remote(num_cpus=0, scheduling_strategy=here)(_Starts).remote()
    tasks = [{"task": pickle.dumps((item, earlier.get(displayed(item.place))))} for item in items]
    done = ray.data.from_items(tasks, override_num_blocks=len(tasks)).map_batches(
        _ClusterWorker,
        batch_size=1,
        batch_format="numpy",
        fn_constructor_kwargs={"make_worker": make_worker, "options": options, "starts": starts},
        # One at a time: what waits behind a long recording could be with another worker.
        compute=ray.data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=1),
        **needed,
    )
    for row in done.iter_rows():
        if row["error"]:
            code, values = json.loads(row["error"])
            raise CheckpointError(code, **values)
        yield Outcome(*pickle.loads(row["outcome"]))


def _workers(options: argparse.Namespace, nodes: Sequence[Mapping]) -> tuple[int, dict[str, int]]:
    """How many workers fit the machines, and what each needs. Raises BatchError if none fits.

    With vLLM they need no GPU: its servers have them.
    """
    resources = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = sum(int(one.get("GPU", 0)) for one in resources)
    if gpus and options.engine == "local" and not (options.device or "cuda").startswith("cpu"):
        return gpus, {"num_gpus": 1}
    most = max((int(one.get("CPU", 0)) for one in resources), default=0)
    cores = options.cores or min(CORES, max(most, 1))
    count = sum(int(one.get("CPU", 0)) // cores for one in resources)
    if not count:
        raise BatchError("no_worker_fits", cores=cores, limit=most)
    return count, {"num_cpus": cores}


def _lost(item: Item) -> Outcome:
    message = f"{displayed(item.place)}: its worker ended {MAX_STARTS} times without an answer, for example because it "
    message += "needed too much memory; see the logs of Ray, and transcribe it on its own"
    return Outcome(item.place, make_row(item, "failed", {"code": "worker_lost", "message": message}), True)
