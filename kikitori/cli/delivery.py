"""Where results go: text to the terminal as it comes, files when a recording is done, and what there is to say."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kikitori.cli.progress import say
from kikitori.output.files import check_writable, print_output, write_output
from kikitori.output.subtitles import has_estimated_times
from kikitori.output.writers import WRITERS, Layout
from kikitori.strings import display_name, displayed
from kikitori.tasks import TASKS
from kikitori.transcript import Transcript, Turn

TIMED_FORMATS = {"srt", "vtt", "tsv", "rttm"}


class Delivery:
    """Takes one recording's transcripts as they grow to where the user wants them."""

    def __init__(self, options: argparse.Namespace, audio: Path):
        self.audio = audio
        self.transcript: Transcript | None = None
        """What came last."""
        self.warnings: Sequence[Sequence[str]] = ()
        """Their kinds and messages."""
        self.written: dict[str, str] = {}
        """The texts of the files, by suffix."""
        self._several = len(options.audio) > 1
        self._layout = Layout(options.max_line_width, options.max_line_count)
        self._streams = options.output_dir is None and options.output_format == "txt"
        self._printed = 0
        self._translates = TASKS[options.direction].translates
        suffixes = list(WRITERS) if options.output_format == "all" else [options.output_format]
        folder = options.output_dir
        self.outputs = {suffix: folder / f"{audio.stem}.{suffix}" if folder else None for suffix in suffixes}
        """Files by their suffixes; None is standard output."""

    def check(self) -> None:
        """Raise OutputError or AudioError where the output could not be written when the work is done."""
        for path in filter(None, self.outputs.values()):
            check_writable(path)

    def update(self, transcript: Transcript) -> None:
        """Keep the transcript; text for the terminal goes there at once."""
        if self._streams:
            if self.transcript is None and self._several:
                print_output(f"==> {displayed(str(self.audio))} <==\n")  # as head and tail mark their files
            self._print(transcript, transcript.settled)
        self.transcript = transcript
        self.warnings = [(warning.kind, warning.message) for warning in transcript.warnings]

    def finish(self) -> None:
        """Write what came last, where there is something and it isn't written yet."""
        if self.transcript is None:
            return
        if self._streams:
            self._print(self.transcript, self.transcript.turns)
            return
        if TIMED_FORMATS & set(self.outputs) and has_estimated_times(self.transcript):
            name = display_name(self.audio)
            remedy = "" if self._translates else "; --align measures them"
            say(f"note: {name}: times inside a window are estimated from its text{remedy}")
        for suffix, path in self.outputs.items():
            text = WRITERS[suffix](self.transcript, self._layout)
            if path is None:
                print_output(text)
            else:
                write_output(path, text)
                self.written[suffix] = text
                say(f"written: {path}")

    def _print(self, transcript: Transcript, turns: Sequence[Turn]) -> None:
        """Those of the turns that are not on the terminal yet."""
        print_output(WRITERS["txt"](replace(transcript, turns=turns[self._printed :])))
        self._printed = len(turns)
