"""Live text in the shell: the microphone or standard input in; lines on standard output and subtitles in a file out."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from kikitori.cli.inputs import STDIN
from kikitori.cli.live_input import LiveInput, microphone, standard_input
from kikitori.cli.live_output import Lines, Subtitles
from kikitori.cli.models import loading
from kikitori.cli.options import add_checkpoint_options
from kikitori.cli.report import TextReport
from kikitori.cli.run import EXIT_CLOSED, EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED
from kikitori.cli.texts import read_context
from kikitori.errors import SpeechError
from kikitori.languages import AUTO
from kikitori.live.events import Closed, Event
from kikitori.live.session import LiveSession
from kikitori.output.files import check_writable, print_output
from kikitori.tasks import BASES, TASKS, choose_checkpoints, choose_task
from kikitori.transcribe import Model, load_task

MUTED_SECONDS = 5.0
"""After this much digital silence there is a warning: no microphone is as quiet as that."""


def main(argv: list[str]) -> int:
    """Listen until the sound ends or Ctrl-C. Returns an exit code."""
    options, checkpoints = _parse(argv)
    report = TextReport()
    try:
        if options.output:
            check_writable(options.output)
        report.say(loading(checkpoints, options.task.role))
        model = load_task(options.task, checkpoints, options.device)
        report.say(f"{options.task.label}, by {model.checkpoint.name} on {model.engine.device_and_dtype}")
        return _listen(options, model, report)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        report.say(str(error), "error")
        return EXIT_FAILED


def _parse(argv: list[str]) -> tuple[argparse.Namespace, dict]:
    """The options, with the task that they choose, and the checkpoints."""
    parser = argparse.ArgumentParser(
        prog="kikitori live",
        description="Write down what is said while somebody speaks, until Ctrl-C or the end of the sound.",
        epilog="Example: ffmpeg -i SOURCE -f s16le -ac 1 -ar 16000 - | kikitori live - --direction pt -o talk.srt",
    )
    parser.add_argument(
        "sound",
        nargs="?",
        choices=[STDIN],
        help="- for raw samples on standard input: 16 kHz, mono, 16 bits, little-endian (default: the microphone)",
    )
    parser.add_argument("--direction", required=True, choices=list(TASKS), help="as for recordings")
    parser.add_argument("--language", default=AUTO, help=f"transcribe: what is spoken (default: {AUTO})")
    parser.add_argument(
        "--model", type=str.lower, choices=list(BASES), default="1.7b", help="transcribe: size of the base model"
    )
    add_checkpoint_options(parser, "a folder for the direction, ")
    parser.add_argument("--device", help="cpu, cuda, cuda:0 … (default: cuda if there is one)")
    parser.add_argument("--context", metavar="TEXT", help="names and terms that may be said, for the model to know")
    parser.add_argument("--context_file", "--context-file", metavar="FILE", help="the same, as a text file in UTF-8")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="also write subtitles (SRT), pause by pause")
    options = parser.parse_args(argv)
    if options.sound != STDIN and not find_spec("sounddevice"):
        parser.error(
            "the microphone needs the library sounddevice: pip install 'kikitori[live]'; or give - and raw samples on "
            "standard input"
        )
    try:
        options.context = read_context(options.context, options.context_file)
        options.task = choose_task(options.direction, options.language)
        role, size, weights = options.task.role, options.model, options.weights
        return options, choose_checkpoints(options.checkpoint, options.revision, role, size, weights)
    except (SpeechError, argparse.ArgumentTypeError) as error:
        parser.error(str(error))


def _listen(options: argparse.Namespace, model: Model, report: TextReport) -> int:
    sound, reader = LiveInput(), standard_input if options.sound == STDIN else microphone
    session = LiveSession(model, options.context)
    subtitles = Subtitles(options.output, model) if options.output else None
    with closing(subtitles) if subtitles else nullcontext(), _stopped_by_signals(sound), reader(sound):
        if reader is microphone:
            report.say("listening; Ctrl-C ends it")
        return _Writer(model, subtitles, report).write(_events(session, sound, report), sound)


@contextmanager
def _stopped_by_signals(sound: LiveInput) -> Iterator[None]:
    """End the sound on Ctrl-C or SIGTERM; a second signal ends the program."""

    def stop(number: int, _frame) -> None:
        signal.signal(number, signal.default_int_handler)
        sound.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _events(session: LiveSession, sound: Iterable[np.ndarray], report: TextReport) -> Iterator[Event]:
    """Yield what the session makes of all sound; at its end, also after an error, the last stretch is closed."""
    has_sound = False
    try:
        for samples in sound:
            is_early = session.seconds < MUTED_SECONDS
            yield from session.add(samples)
            has_sound = has_sound or bool(samples.any())
            if is_early and session.seconds >= MUTED_SECONDS and not has_sound:
                report.say("there is no sound at all so far: check that the microphone is not muted", "warning")
    except SpeechError:
        yield from session.flush()
        raise
    yield from session.flush()


class _Writer:
    """Writes events down. subtitles: None without a file."""

    def __init__(self, model: Model, subtitles: Subtitles | None, report: TextReport):
        self._lines = Lines(model.task.has_speakers)
        self._subtitles, self._report = subtitles, report
        self._is_closed = False  # whether nobody reads standard output any longer

    def write(self, events: Iterator[Event], sound: LiveInput) -> int:
        """Write until the events end; return the exit code. If nobody reads the lines, the sound is ended."""
        is_complete, has_text = True, False
        for event in events:
            if not self._is_closed and (lines := self._lines.of(event)):
                self._print(lines, sound)
            if isinstance(event, Closed):
                has_text = has_text or bool(event.turns)
                is_complete = is_complete and not event.warnings
                self._finish(event)
        if not has_text:
            self._report.say("there was no speech, or the model found none", "warning")
        if self._is_closed:
            return EXIT_CLOSED
        return EXIT_DONE if is_complete and has_text else EXIT_INCOMPLETE

    def _print(self, lines: str, sound: LiveInput) -> None:
        try:
            print_output(lines)
        except BrokenPipeError:
            self._is_closed = True
            sound.stop()

    def _finish(self, stretch: Closed) -> None:
        for warning in stretch.warnings:
            self._report.say(warning.message, "warning")
        if self._subtitles:
            self._subtitles.add(stretch)
