"""Processes that transcribe recordings for a server, so that one Python interpreter does not limit them all.

    job -> the worker with the fewest jobs -> its steps, as they come

A job is a connection to a worker's process, in which it has a thread. Its steps come back through the connection, and
closing it stops the job. Jobs of a worker share batches, as they do in a server without workers.
"""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from multiprocessing import current_process
from multiprocessing.connection import Client, Connection, Listener, Pipe

from kikitori.processes import CONTEXT, cores_for_each, prepare_process
from kikitori.server.jobs import JobOptions, Step, transcribe_upload
from kikitori.server.logging import LOG, log_to, trace_of
from kikitori.server.memory import share_heaps
from kikitori.transcript import Transcript
from kikitori.update import Draft, Update


class Workers:
    """`count` processes, each with its own models and its share of the cores. One that has ended is started again."""

    def __init__(self, count: int):
        self.count = count
        self._cores = cores_for_each(count)
        self._lock = threading.Lock()
        self._workers = [Worker(self._cores) for _ in range(count)]

    def transcribe(self, options: JobOptions, path: str, name: str) -> RemoteTranscription:
        """Start the transcription of a recording, as `transcribe_upload` does, in the process with the fewest jobs."""
        with self._lock:
            for place, worker in enumerate(self._workers):
                if not worker.process.is_alive():
                    LOG.error("worker lost", extra={"fields": {"exit_code": worker.process.exitcode}})
                    self._workers[place] = Worker(self._cores)
            chosen = min(self._workers, key=lambda worker: worker.jobs)
            chosen.jobs += 1
        return RemoteTranscription(self._steps(chosen, (options, path, name)), chosen.process.pid)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()

    def _steps(self, worker: Worker, job: tuple[JobOptions, str, str]) -> Iterator[tuple[Step, float]]:
        try:
            yield from worker.steps(job)
        finally:
            with self._lock:
                worker.jobs -= 1


class Worker:
    """A process that transcribes. jobs: how many it has."""

    def __init__(self, cores: int):
        self.jobs = 0
        self._address_end, other_end = Pipe(duplex=False)
        self._address = None
        self._lock = threading.Lock()
        self.process = CONTEXT.Process(target=_work, args=(other_end, cores), name="worker", daemon=True)
        self.process.start()
        other_end.close()  # so that reading ends if the process does

    def steps(self, job: tuple[JobOptions, str, str]) -> Iterator[tuple[Step, float]]:
        """Do a job; yield each step and the seconds of sound until then.

        job: the arguments of `transcribe_upload`. Raises what the job raises, and EOFError or ConnectionError if the
        process has ended.
        """
        with self._connect() as connection:
            connection.send(job)
            step = None
            while not isinstance(step, Transcript):
                step, seconds = connection.recv()
                if isinstance(step, Exception):
                    raise step
                yield step, seconds

    def _connect(self) -> Connection:
        with self._lock:
            self._address = self._address or self._address_end.recv()
        return Client(self._address, authkey=current_process().authkey)


class RemoteTranscription:
    """A transcription in another process, with what a server needs of a `Transcription`.

    process: its number.
    """

    def __init__(self, steps: Iterator[tuple[Step, float]], process: int):
        self._steps = steps
        self.process = process
        self.duration_seconds = 0.0
        self.transcript: Transcript | None = None
        """The whole transcript, after the last step."""

    def __iter__(self) -> Iterator[Draft | Update]:
        """Do the steps. Raises what `Worker.steps` raises."""
        for step, seconds in self._steps:
            self.duration_seconds = seconds
            if isinstance(step, Transcript):
                self.transcript = step
            else:
                yield step

    def close(self) -> None:
        """Stop the job."""
        self._steps.close()


def _work(address: Connection, cores: int) -> None:
    """Be a worker: tell the address, and do a job for each connection."""
    prepare_process(cores)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends with the server, which finishes its jobs first
    share_heaps()
    log_to(sys.stderr)
    with Listener(authkey=current_process().authkey, backlog=128) as listener:
        address.send(listener.address)
        while True:
            with suppress(OSError, EOFError):  # whoever asked is gone already
                threading.Thread(target=_do, args=(listener.accept(),), name="job", daemon=True).start()


def _do(connection: Connection) -> None:
    """Do the job that comes through a connection, until that is closed."""
    with connection, suppress(EOFError, ConnectionError):
        try:
            with closing(transcribe_upload(*connection.recv())) as made:
                for step in made:
                    if connection.poll():  # it is closed, as nothing else comes
                        return
                    connection.send((step, made.duration_seconds))
                connection.send((made.transcript, made.duration_seconds))
        except (EOFError, ConnectionError):
            raise
        except Exception as error:
            connection.send((_sendable(error), 0.0))


def _sendable(error: Exception) -> Exception:
    """Return an error that can be sent to another process, with the lines that led to it."""
    error.trace = trace_of(error)
    try:
        pickle.loads(pickle.dumps(error))
        return error
    except Exception:  # whatever its class has forgotten
        named = RuntimeError(type(error).__name__)
        named.trace = error.trace
        return named
