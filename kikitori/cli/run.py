"""The command line: transcribe each recording, deliver the result, and return the exit code."""

from __future__ import annotations

import argparse
import atexit
import gc
import os
import sys
from contextlib import ExitStack
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path

from kikitori.cli.attempt import attempt, is_ready
from kikitori.cli.delivery import Delivery
from kikitori.cli.inputs import find_recordings, input_paths
from kikitori.cli.models import Run, load_run
from kikitori.cli.options import build_parser, parse_options
from kikitori.cli.report import Report, make_report
from kikitori.cli.resume import has_finished
from kikitori.errors import SpeechError

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_CLOSED = 0, 1, 2, 3, 130, 141
"""130 and 141 are what shells report for a program that Ctrl-C or a closed pipe has ended."""
COMMANDS = {
    "batch": "kikitori.batch.command",
    "live": "kikitori.cli.live",
    "page": "kikitori.page.app",
    "quantise": "kikitori.cli.quantise",
    "serve": "kikitori.api.serve",
    "watch": "kikitori.cli.watch",
}
"""What else the program does, by its first argument: modules with a function `main`."""
LIKE_A_COMMAND = 0.8
"""From which similarity on, by `difflib`, a name that is no file is taken for a mistyped command."""
SINGLE_FORMATS = ("srt", "vtt", "tsv", "rttm")
"""A file of these formats holds one recording."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line: results on standard output, progress and errors on standard error."""
    argv = sys.argv[1:] if argv is None else argv
    # At the end Python searches all objects for garbage several times; with torch's that takes half a second or more.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    if sys.stderr is None:  # closed, as by `2>&-`: what is printed there would go to standard output
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    if argv and argv[0] in COMMANDS:
        try:
            return import_module(COMMANDS[argv[0]]).main(argv[1:])
        except KeyboardInterrupt:  # perhaps while it is imported
            return EXIT_INTERRUPTED
    if command := _meant(argv):
        build_parser().error(f"there is no command {argv[0]}: did you mean {command}?")
    options = parse_options(argv)
    with make_report(options.progress) as report:
        try:
            return _run(options, report)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except BrokenPipeError:  # as with `| head`; whoever closed the pipe wants no more lines
            return EXIT_CLOSED
        except SpeechError as error:
            report.say(str(error), "error")
            return EXIT_FAILED


def _meant(argv: list[str]) -> str | None:
    """Return the command that a first argument resembles, if it is no file."""
    if not argv or os.path.exists(argv[0]):
        return None
    return next(iter(get_close_matches(argv[0], COMMANDS, 1, LIKE_A_COMMAND)), None)


def _run(options: argparse.Namespace, report: Report) -> int:
    with ExitStack() as stack:
        recordings, errors = find_recordings(options, stack)
        for error in errors:
            report.say(error, "error")
        (single, *_) = options.output_format  # several formats need a folder
        if len(recordings) > 1 and not options.output_dir and single in SINGLE_FORMATS:
            message = f"one {single} file holds one recording: use --output_dir for several"
            report.say(message, "error")
            return EXIT_USAGE
        deliveries = [Delivery(options, recording, len(recordings) == 1, report) for recording in recordings]
        if reason := _why_outputs_stay(options, deliveries):
            deliveries = [delivery for delivery in deliveries if not _is_skipped(delivery, reason, report)]
        inputs = input_paths(options, recordings)
        ready = [delivery for delivery in deliveries if is_ready(options, delivery, inputs, report)]
        has_failed = bool(errors) or len(ready) < len(deliveries)
        if not ready:
            return EXIT_FAILED if has_failed else EXIT_DONE
        return _transcribe_all(load_run(options, report), ready, has_failed)


def _why_outputs_stay(options: argparse.Namespace, deliveries: list[Delivery]) -> str | None:
    """Return the note for recordings that are left out because their outputs exist; None if there are none.

    Journals are deleted when a command is done. So without any, `--resume` has nothing to continue, and what it would
    write again may have been corrected.
    """
    if options.skip_existing:
        return "skipped, because its output exists"
    if options.resume and not any(delivery.journal_path.exists() for delivery in deliveries):
        return "its output exists and no journal does, so it is left as it is; without --resume it is written again"
    return None


def _is_skipped(delivery: Delivery, reason: str, report: Report) -> bool:
    """Whether a recording is left out, which is said; a part that an interrupt has left is not its output."""
    is_written = all(path.is_file() for path in delivery.outputs.values()) and has_finished(delivery.journal_path)
    if is_written:
        report.say(reason, "note", delivery.recording.shown)
        report.end(delivery.recording, "skipped")
    return is_written


def _transcribe_all(run: Run, deliveries: list[Delivery], has_failed: bool) -> int:
    """Transcribe and return the exit code. has_failed: whether a recording has failed before."""
    is_incomplete = False
    journals: list[Path] = []
    for number, delivery in enumerate(deliveries, start=1):
        run.report.start(delivery.recording, number, len(deliveries))
        state = attempt(run, delivery, journals)
        has_failed = has_failed or state == "failed"
        is_incomplete = is_incomplete or state == "incomplete"
    if has_failed:
        return EXIT_FAILED  # the journals stay, so that --resume does only what failed
    for path in journals:
        path.unlink(missing_ok=True)
    return EXIT_INCOMPLETE if is_incomplete else EXIT_DONE
