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

from kikitori.processes import CONTEXT, cores_for_each, prepare_process, start
from kikitori.server.jobs import JobOptions, transcribe_upload
from kikitori.server.logging import LOG, log_to, trace_of
from kikitori.server.memory import share_heaps
from kikitori.transcript import Transcript
from kikitori.update import Draft, Update

MAX_STARTS = 3
"""How often a job is handed to a process that has just ended."""


class Workers:
    """`count` processes, each with its own models and its share of the cores. One that has ended is started again."""

    def __init__(self, count: int):
        self.count = count
        self._cores = cores_for_each(count)
        self._lock = threading.Lock()
        self._workers = [Worker(self._cores) for _ in range(count)]

    def transcribe(self, options: JobOptions, path: str, name: str) -> RemoteTranscription:
        """Start the transcription of a recording, as `transcribe_upload` does, in the process with the fewest jobs.

        Raises EOFError or OSError if processes end as soon as they are started.
        """
        for _ in range(MAX_STARTS):
            worker = self._chosen()
            try:
                connection = worker.connect()
                connection.send((options, path, name))
            except (EOFError, OSError) as error:  # it has just ended, and is replaced
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
        """End the processes."""
        for worker in self._workers:
            worker.end()

    def _chosen(self) -> Worker:
        with self._lock:
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
        self._address_end, other_end = Pipe(duplex=False)
        self._address = None
        self._lock = threading.Lock()
        self._connections: list[Connection] = []
        self.process = CONTEXT.Process(target=_work, args=(other_end, cores), name="worker", daemon=True)
        start(self.process)
        other_end.close()  # so that reading ends if the process does

    def jobs(self) -> int:
        """Return how many it has."""
        return self.starting + sum(not connection.closed for connection in self._connections)

    def connect(self) -> Connection:
        """Return the connection of a new job. Raises EOFError or OSError if the process has ended."""
        with self._lock:
            self._address = self._address or self._address_end.recv()
            connection = Client(self._address, authkey=current_process().authkey)
            self._connections = [*(other for other in self._connections if not other.closed), connection]
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


def _work(address: Connection, cores: int) -> None:
    """Be a worker: tell the address, and do a job for each connection."""
    # It ends with the server, which finishes its jobs first. Signals are let in after this.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    prepare_process(cores)
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
