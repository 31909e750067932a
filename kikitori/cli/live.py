"""Live text in the shell: the microphone or standard input in; lines on standard output and subtitles in a file out."""

from __future__ import annotations

import argparse
import shlex
import signal
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from kikitori.cli.inputs import STDIN
from kikitori.cli.live_input import LiveInput, check_microphone, microphone, read_standard_input
from kikitori.cli.live_output import Lines, Subtitles
from kikitori.cli.models import loading
from kikitori.cli.options import add_checkpoint_options
from kikitori.cli.parser import Parser, program
from kikitori.cli.report import TextReport
from kikitori.cli.run import EXIT_CLOSED, EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED
from kikitori.cli.texts import read_context
from kikitori.errors import OutputError, SpeechError
from kikitori.languages import AUTO
from kikitori.live.events import Closed, Event
from kikitori.live.session import LiveSession
from kikitori.output.files import check_writable, print_output
from kikitori.tasks import BASES, TASKS, choose_checkpoints, choose_task
from kikitori.timing import is_estimated
from kikitori.transcribe import Model, load_task

SHARED = ("direction", "language", "model", "checkpoint", "revision", "weights", "device", "context", "context_file")
"""The options that recordings have too."""
MUTED_SECONDS = 5.0
"""After this much digital silence there is a warning: no microphone is as quiet as that."""


def main(argv: list[str]) -> int:
    """Listen until the sound ends or Ctrl-C. Returns an exit code."""
    options, checkpoints = _parse(argv)
    report = TextReport()
    try:
        if options.output:
            check_writable(options.output)
            _check_new(options.output)
        sound = LiveInput()
        if options.sound == STDIN:
            read_standard_input(sound)
        else:
            check_microphone()
        report.say(loading(checkpoints, options.task.role))
        model = load_task(options.task, checkpoints, options.device)
        report.say(f"{options.task.label}, by {model.checkpoint.name} on {model.engine.device_and_dtype}")
        return _listen(options, model, sound, report)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        report.say(str(error), "error")
        return EXIT_FAILED


def _parse(argv: list[str]) -> tuple[argparse.Namespace, dict]:
    """The options, with the task that they choose, and the checkpoints."""
    parser = Parser(
        prog="kikitori live",
        description="Write down what is said while somebody speaks, until Ctrl-C or the end of the sound.",
        epilog="Example: ffmpeg -i SOURCE -f s16le -ac 1 -ar 16000 - | kikitori live - --direction pt -o talk.srt",
    )
    parser.add_argument(
        "sound",
        nargs="?",
        metavar=STDIN,
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
    if options.sound not in (None, STDIN):
        parser.exit(2, f"error: {_no_file(options.sound, parser, options)}\n")
    if options.sound != STDIN and not find_spec("sounddevice"):
        parser.error(
            "the microphone needs the library sounddevice: pip install sounddevice; or give - and raw samples on "
            "standard input"
        )
    try:
        options.context = read_context(options.context, options.context_file)
        options.task = choose_task(options.direction, options.language)
        role, size, weights = options.task.role, options.model, options.weights
        return options, choose_checkpoints(options.checkpoint, options.revision, role, size, weights)
    except (SpeechError, argparse.ArgumentTypeError) as error:
        parser.error(str(error))


def _no_file(name: str, parser: Parser, options: argparse.Namespace) -> str:
    """The commands that take a file, with the options that were given."""
    given = []
    for key in SHARED:
        value = getattr(options, key)
        if value != parser.get_default(key):
            for one in value if isinstance(value, list) else [value]:
                given += [f"--{key}", one]
    shared = shlex.join(given)
    output = f" -o {shlex.quote(str(options.output))}" if options.output else ""
    name = shlex.quote(name)
    return (
        f"live text takes no file: transcribe it with `{program()} {name} {shared}`, or send its sound as raw samples "
        f"with `ffmpeg -loglevel error -i {name} -f s16le -ac 1 -ar 16000 - | {program()} live - {shared}{output}`"
    )


def _check_new(path: Path) -> None:
    """Raise OutputError if a file would be lost. An empty one, or a device, is no loss."""
    if path.is_file() and path.stat().st_size:
        raise OutputError("subtitles_exist", path=path)


def _listen(options: argparse.Namespace, model: Model, sound: LiveInput, report: TextReport) -> int:
    reader = nullcontext() if options.sound == STDIN else microphone(sound)
    session = LiveSession(model, options.context)
    subtitles = Subtitles(options.output, model) if options.output else None
    with closing(subtitles) if subtitles else nullcontext(), _stopped_by_signals(sound), reader:
        if options.sound != STDIN:
            report.say("listening; Ctrl-C ends it")
        return _Writer(model, subtitles, report).write(_events(session, sound, report), sound)


@contextmanager
def _stopped_by_signals(sound: LiveInput) -> Iterator[None]:
    """End the sound on Ctrl-C, SIGTERM or when the terminal is closed; a second signal ends the program."""

    def stop(number: int, _frame) -> None:
        signal.signal(number, signal.default_int_handler)
        sound.stop()

    numbers = [signal.SIGINT, signal.SIGTERM]
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up and signal.getsignal(hang_up) != signal.SIG_IGN:  # as it is with nohup
        numbers.append(hang_up)
    before = {number: signal.signal(number, stop) for number in numbers}
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
    """Writes events down. subtitles: None without a file.

    What can't be written any longer is reported and left out; the other goes on.
    """

    def __init__(self, model: Model, subtitles: Subtitles | None, report: TextReport):
        self._lines = Lines(model.task.has_speakers)
        self._report = report
        self._outputs = [self._print, *([subtitles.add] if subtitles else [])]
        self._notes_times = subtitles is not None
        self._code = EXIT_DONE

    def write(self, events: Iterator[Event], sound: LiveInput) -> int:
        """Write until the events end; return the exit code. If nothing can be written any longer, end the sound."""
        is_complete, has_text = True, False
        for event in events:
            if isinstance(event, Closed):
                has_text = has_text or bool(event.turns)
                is_complete = is_complete and not event.warnings
                for warning in event.warnings:
                    self._report.say(warning.message, "warning")
                if self._notes_times and is_estimated(event.turns):
                    self._report.say("the times of the subtitles are estimates", "note")
                    self._notes_times = False
            self._write(event)
            if not self._outputs:
                sound.stop()
                return self._code
        if not has_text:
            self._report.say("there was no speech, or the model found none", "warning")
        return self._code or (EXIT_DONE if is_complete and has_text else EXIT_INCOMPLETE)

    def _write(self, event: Event) -> None:
        for output in tuple(self._outputs):
            try:
                output(event)
            except BrokenPipeError:
                self._outputs.remove(output)
                self._code = self._code or EXIT_CLOSED
                if self._outputs:
                    self._report.say("standard output is closed: the subtitles go on", "warning")
            except OutputError as error:
                self._outputs.remove(output)
                self._code = EXIT_FAILED
                self._report.say(str(error), "error")
                if self._outputs:
                    self._report.say("the subtitles go on" if output == self._print else "the lines go on", "warning")

    def _print(self, event: Event) -> None:
        if lines := self._lines.of(event):
            print_output(lines)
