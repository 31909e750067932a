"""A job in a thread of its own, whose results an event loop reads, and which ends when its client leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from contextvars import copy_context

from starlette.types import Receive

from kikitori.errors import AudioError, RequestError, ServerError
from kikitori.server.job_log import logged_job
from kikitori.server.jobs import JobOptions, Step, transcribe_upload
from kikitori.server.workers import RemoteTranscription
from kikitori.tasks import get_task
from kikitori.transcript import Transcript
from kikitori.update import Draft, Transcription

Transcribe = Callable[[JobOptions, str, str], Transcription | RemoteTranscription]
"""`transcribe_upload`, or what does the same elsewhere."""


def steps_of(options: JobOptions, path: str, name: str, transcribe: Transcribe = transcribe_upload) -> Iterator[Step]:
    """Transcribe a recording, as one job in the log; yield its steps, and the transcript last. Raises SpeechError.

    name: what errors and the transcript call the recording. transcribe: where it is done.
    """
    with (
        _refusals_of_zero_gpu(),
        _named(name),
        logged_job(get_task(options.direction).name) as job,
        closing(transcribe(options, path, name)) as made,
    ):
        for step in made:
            job.sound_seconds = made.duration_seconds
            yield step
    yield made.transcript


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Name the recording in errors as the client does; its file has another name."""
    try:
        yield
    except AudioError as error:
        raise AudioError(error.code, **error.values | {"name": name}) from error


@contextmanager
def _refusals_of_zero_gpu() -> Iterator[None]:
    """Raise RequestError where ZeroGPU says that a quota is used up. Its errors are Gradio's."""
    try:
        yield
    except Exception as error:
        if not hasattr(error, "print_exception"):
            raise
        if error.title.endswith("exceeded"):
            raise RequestError("gpu_quota", why=str(error.message).strip().rstrip(".")) from error
        raise ServerError("server_fault") from error


@asynccontextmanager
async def running(steps: Iterator[Step]) -> AsyncIterator[AsyncIterator[Step]]:
    """Run a job while the block lasts; its results are those of `steps`, without drafts. Raises what they raise.

    The block ends when the job has: one that is stopped still does its step, and needs the recording for it.
    """
    results: asyncio.Queue[Step | Exception] = asyncio.Queue()
    loop, stopped, ended = asyncio.get_running_loop(), threading.Event(), asyncio.Event()

    def call(function: Callable, *arguments: object) -> None:
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(function, *arguments)

    def work() -> None:
        try:
            with closing(steps):
                for step in steps:
                    if stopped.is_set():
                        return
                    if not isinstance(step, Draft):
                        call(results.put_nowait, step)
        except Exception as error:
            call(results.put_nowait, error)
        finally:
            call(ended.set)

    # ZeroGPU looks in the context for the request that pays.
    threading.Thread(target=copy_context().run, args=(work,), name="job", daemon=True).start()
    try:
        yield _read(results)
    finally:
        stopped.set()
        await ended.wait()


async def _read(results: asyncio.Queue[Step | Exception]) -> AsyncIterator[Step]:
    """Yield results up to the transcript. Raises the error among them."""
    while True:
        result = await results.get()
        if isinstance(result, Exception):
            raise result
        yield result
        if isinstance(result, Transcript):
            return


async def while_connected(receive: Receive, work: Coroutine) -> None:
    """Do work for a client; cancel it when the client disconnects. The request's body must have been read."""
    tasks = [asyncio.ensure_future(one) for one in (work, _disconnected(receive))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0] in done:
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
