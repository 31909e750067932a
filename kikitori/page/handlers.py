"""The functions that Gradio calls for the page's buttons and for programs. The work itself is in jobs.py."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from itertools import takewhile

import gradio as gr

from kikitori.errors import SpeechError
from kikitori.languages import AUTO
from kikitori.page import files
from kikitori.page.jobs import read_recordings, translate_call
from kikitori.page.messages import error_message
from kikitori.page.sessions import is_wanted
from kikitori.result import last
from kikitori.server.jobs import JobOptions, run_job
from kikitori.tasks import Checkpoint, get_task

Checkpoints = Mapping[str, Checkpoint]
"""Role -> checkpoint."""
WRITING = asyncio.Semaphore(2)
"""Files that are written at the same time: they slow down transcription."""
MAX_RECORDINGS = 10_000
"""In one view: more than anybody uploads."""


def page_handler(directions: tuple[str, ...], checkpoints: Checkpoints):
    """Return the handler of the buttons that transcribe. It yields the message and the view.

    It is a generator, so that what it has yielded stays on the page when the visitor stops it. Its last input is how
    many recordings the view has, to which these are added: 0 if they take the place of others.
    """

    def run(microphone: str | None, files: list[str] | None, *inputs):
        *options, first = inputs
        choices = job_options(directions, checkpoints, tuple(options))
        try:
            steps = read_recordings(own_files(microphone, files), choices, read_count(first))
        except SpeechError as error:
            steps = [(error_message(error), None)]
        for message, shown in steps:
            yield message, view_update(shown)

    return run


def call_handler(checkpoints: Checkpoints):
    """Return the handler of the button that translates a call; it yields what `page_handler`'s does."""

    def run(microphone: str | None, files: list[str] | None, shown: dict | None):
        for message, made in translate_call(own_files(microphone, files), shown, checkpoints):
            yield message, view_update(made)

    return run


def api_handler(endpoint: str, directions: tuple[str, ...], checkpoints: Checkpoints):
    """Return the handler of a tab's endpoint. It returns the Transcript as JSON, or raises what the client raises.

    It stops when the client has disconnected.
    """

    def run(audio: str | None, *options) -> dict:
        try:
            with closing(run_job(job_options(directions, checkpoints, options), audio)) as steps:
                done = last(takewhile(lambda _: is_wanted(), steps))
        except SpeechError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return done.transcript.to_dict()

    # Programs see a handler's parameters, so each kind of tab has its own.
    def transcribe(audio: str | None, align: bool = False, context: str = "", replace: str = "") -> dict:
        return run(audio, align, context, replace)

    def translate(
        audio: str | None,
        direction: str = directions[0],
        source: bool = False,
        context: str = "",
        replace: str = "",
    ) -> dict:
        return run(audio, direction, source, context, replace)

    def transcribe_any(
        audio: str | None, language: str = AUTO, align: bool = False, context: str = "", replace: str = ""
    ) -> dict:
        return run(audio, language, align, context, replace)

    handler = translate if len(directions) > 1 else transcribe_any if get_task(directions[0]).takes_any else transcribe
    handler.__name__ = endpoint  # MCP clients call it by this name
    return handler


def own_files(microphone: str | None, files: list[str] | None) -> list[str]:
    """Return the visitor's recordings, in order."""
    return [path for path in (microphone, *(files or [])) if path]


def read_count(value: object) -> int:
    """Return how many recordings the view has, which any client can make up. Raises SpeechError."""
    if isinstance(value, (int, float)) and 0 <= value <= MAX_RECORDINGS and value == int(value):
        return int(value)
    raise SpeechError("not_a_count", value=f"{value!s:.40}", limit=MAX_RECORDINGS)


def job_options(directions: tuple[str, ...], checkpoints: Checkpoints, options: tuple) -> JobOptions:
    """Return the choices on a tab.

    options: direction and source if there are several directions, language and align if it takes any, else align; then
    context and replace. Programs send null for the default.
    """
    *own, context, replace = options
    texts = {"context": context or "", "replace": replace or ""}
    if get_task(directions[0]).takes_any:
        language, align = own
        return JobOptions(directions[0], checkpoints, language=language or AUTO, align=align, **texts)
    if len(directions) > 1:
        direction, source = own
        return JobOptions(direction or directions[0], checkpoints, source=source, **texts)
    return JobOptions(directions[0], checkpoints, align=own[0], **texts)


def stop_running() -> list:
    """Return the updates after a stop: the view keeps what it shows, and the run button comes back."""
    return [{"stopped": True}, {"running": False}, *button_updates(running=False)]


def view_update(value: dict | None):
    """Return the update of the view; None leaves it as it is."""
    return gr.skip() if value is None else value


def button_updates(running: bool) -> list:
    """Return the updates of the run and the stop button."""
    return [gr.update(visible=not running), gr.update(visible=running)]


async def write_file(request: list) -> dict:
    """Write a file for the page's Copy button and Download menu.

    request: the arguments of `files.write_file`. Returns what that returns, or an error message.
    """
    try:
        suffix, texts, sheets = request
    except (ValueError, TypeError) as error:
        return error_message(SpeechError("not_a_transcript", why=error))
    try:
        async with WRITING:
            return await asyncio.to_thread(files.write_file, suffix, texts, sheets)
    except SpeechError as error:
        return error_message(error)
