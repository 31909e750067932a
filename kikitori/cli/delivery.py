"""Deliver one recording's transcript: print it window by window, or write files once the recording is done."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kikitori.cli.progress import say
from kikitori.output.files import check_writable, print_output, write_output
from kikitori.output.writers import WRITERS, Layout
from kikitori.strings import display_name, displayed
from kikitori.tasks import TASKS
from kikitori.timing import is_estimated
from kikitori.transcript import Transcript, Turn
from kikitori.update import Update

TIMED_FORMATS = {"srt", "vtt", "tsv", "rttm"}


class Delivery:
    """Prints or writes one recording's transcript.

    outputs: format -> file, or None for standard output. written: format -> text of the files written so far.
    """

    def __init__(self, options: argparse.Namespace, audio: Path):
        self.audio = audio
        self.written: dict[str, str] = {}
        formats = list(WRITERS) if options.output_format == "all" else [options.output_format]
        folder = options.output_dir
        self.outputs = {suffix: folder / f"{audio.stem}.{suffix}" if folder else None for suffix in formats}
        self._layout = Layout(options.max_line_width, options.max_line_count)
        self._is_streamed = folder is None and options.output_format == "txt"
        self._has_header = self._is_streamed and len(options.audio) > 1
        self._can_align = not TASKS[options.direction].translates
        self._printed = 0

    def check(self) -> None:
        """Raise OutputError, or AudioError for a name that is too long, if an output file could not be written."""
        for path in filter(None, self.outputs.values()):
            check_writable(path)

    def add(self, update: Update, transcript: Transcript) -> None:
        """Print the new turns, if text goes to standard output. transcript: one that names the recording."""
        if self._is_streamed:
            self._print(transcript, update.turns)

    def finish(self, transcript: Transcript) -> None:
        """Print what is not printed yet, or write the files."""
        if self._is_streamed:
            self._print(transcript, transcript.turns[self._printed :])
            return
        if TIMED_FORMATS & set(self.outputs) and is_estimated(transcript.turns):
            remedy = "; --align measures them" if self._can_align else ""
            say(f"note: {display_name(self.audio)}: times inside a window are estimated from its text{remedy}")
        for suffix, path in self.outputs.items():
            text = WRITERS[suffix](transcript, self._layout)
            if path is None:
                print_output(text)
            else:
                write_output(path, text)
                self.written[suffix] = text
                say(f"written: {path}")

    def _print(self, transcript: Transcript, turns: Sequence[Turn]) -> None:
        if self._has_header:
            print_output(f"==> {displayed(str(self.audio))} <==\n")  # as head and tail mark their files
            self._has_header = False
        print_output(WRITERS["txt"](replace(transcript, turns=tuple(turns))))
        self._printed += len(turns)
