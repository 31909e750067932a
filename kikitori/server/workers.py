"""Processes that transcribe recordings for a server, so that one Python interpreter does not limit them all.

    job -> the worker with the fewest jobs -> its steps, as they come

A job is a pipe to a worker's process, in which it has a thread. The worker gets its end through a pipe of its own. The
job's steps come back through the job's pipe, and closing that stops the job. Jobs of a worker share batches, as they do
in a server without workers.
"""

from __future__ import annotations

import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from multiprocessing.connection import Connection, Pipe
from multiprocessing.reduction import recv_handle, send_handle

from kikitori.processes import CONTEXT, cores_for_each, prepare_process, start
from kikitori.server.jobs import JobOptions, transcribe_upload
from kikitori.server.logging import LOG, log_to, trace_of
from kikitori.server.memory import share_heaps
from kikitori.transcript import Transcript
from kikitori.update import Draft, Update

MAX_STARTS = 3
"""How often a job is handed to a process that has just ended."""


class Workers:
    """`count` processes, each with its own models and its share of the cores. One that has ended is started again.

    Raises OSError if the system refuses so many.
    """

    def __init__(self, count: int):
        self.count = count
        self._cores = cores_for_each(count)
        self._lock = threading.Lock()
        self._has_ended = False
        self._workers: list[Worker] = []
        try:
            for _ in range(count):
                self._workers.append(Worker(self._cores))
        except OSError:
            self.__exit__()
            raise

    def transcribe(self, options: JobOptions, path: str, name: str) -> RemoteTranscription:
        """Start the transcription of a recording, as `transcribe_upload` does, in the process with the fewest jobs.

        Raises EOFError or OSError if processes end as soon as they are started, or the server ends.
        """
        for _ in range(MAX_STARTS):
            worker = self._chosen()
            try:
                connection = worker.connect((options, path, name))
            except (EOFError, ConnectionError) as error:  # it has just ended, and is replaced
                lost = error
                worker.end()
            else:
                return RemoteTranscription(connection, worker.process.pid)
            finally:
                with self._lock:
                    worker.starting -= 1
        raise lost

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_) -> None:
        """End the processes. Whoever waits for one gets EOFError."""
        with self._lock:
            self._has_ended = True
        for worker in self._workers:
            worker.end()

    def _chosen(self) -> Worker:
        with self._lock:
            if self._has_ended:
                raise EOFError("the server ends")
            for place, worker in enumerate(self._workers):
                if not worker.process.is_alive():
                    LOG.error("worker lost", extra={"fields": {"exit_code": worker.process.exitcode}})
                    self._workers[place] = Worker(self._cores)
            chosen = min(self._workers, key=Worker.jobs)
            chosen.starting += 1
            return chosen


class Worker:
    """A process that transcribes. starting: how many jobs are about to be handed to it."""

    def __init__(self, cores: int):
        self.starting = 0
        self._jobs_end, other_end = Pipe()
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self.process = CONTEXT.Process(target=_work, args=(other_end, cores), name="worker", daemon=True)
        with other_end:  # closed here, so that reading from this end stops if the process does
            start(self.process)

    def jobs(self) -> int:
        """Return how many it has."""
        return self.starting + sum(not connection.closed for connection in self._connections)

    def connect(self, job: tuple[JobOptions, str, str]) -> Connection:
        """Hand over a job; return its connection once the process has it.

        Raises EOFError or ConnectionError if the process has ended.
        """
        connection, other_end = Pipe()
        with other_end, self._lock:
            send_handle(self._jobs_end, other_end.fileno(), self.process.pid)
            self._connections = [*(other for other in self._connections if not other.closed), connection]
        try:
            connection.send(job)
            connection.recv()
        except (EOFError, ConnectionError):
            connection.close()
            raise
        return connection

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


class RemoteTranscription:
    """A transcription in another process, with what a server needs of a `Transcription`.

    connection: to which the job has been sent. process: the other process's number.
    """

    def __init__(self, connection: Connection, process: int):
        self._connection = connection
        self.process = process
        self.duration_seconds = 0.0
        self.transcript: Transcript | None = None
        """The whole transcript, after the last step."""

    def __iter__(self) -> Iterator[Draft | Update]:
        """Do the steps. Raises what the job raises, and EOFError or OSError if its process has ended."""
        while True:
            step, self.duration_seconds = self._connection.recv()
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Transcript):
                self.transcript = step
                return
            yield step

    def close(self) -> None:
        """Stop the job."""
        self._connection.close()


def _work(jobs: Connection, cores: int) -> None:
    """Be a worker: do a job for each connection that comes."""
    # It ends with the server, which finishes its jobs first. Signals are let in after this.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    prepare_process(cores)
    share_heaps()
    log_to(sys.stderr)
    while True:
        connection = type(jobs)(recv_handle(jobs))
        threading.Thread(target=_do, args=(connection,), name="job", daemon=True).start()


def _do(connection: Connection) -> None:
    """Do the job that comes through a connection, until that is closed."""
    with connection, suppress(EOFError, ConnectionError):
        job = connection.recv()
        connection.send(None)  # so that whoever hands it over knows that this process has it
        try:
            with closing(transcribe_upload(*job)) as made:
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
