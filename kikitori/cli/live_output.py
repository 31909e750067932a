"""Live text as lines and as subtitles."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from kikitori.errors import OutputError
from kikitori.live.events import Closed, Words
from kikitori.output.writers import label_of, one_line, write_srt
from kikitori.transcribe import Model
from kikitori.transcript import Transcript

_SENTENCE = re.compile(r".*?(?:[。！？]|[.!?…](?=\s))+\s*", re.DOTALL)


class Lines:
    """Makes lines of text as it becomes firm: one per sentence, or per turn where there are speakers."""

    def __init__(self, has_speakers: bool):
        self._has_speakers = has_speakers
        self._printed = 0  # characters of the open stretch

    def of(self, event: Words | Closed) -> str:
        """Return the lines that an event completes, each with a line break."""
        if isinstance(event, Words):
            return "" if self._has_speakers else self._sentences(event.firm)
        if self._has_speakers:
            return "".join(f"{label_of(turn.speaker)}{one_line(turn.text)}\n" for turn in event.turns)
        lines, rest = self._sentences(event.text), one_line(event.text[self._printed :])
        self._printed = 0
        return lines + (f"{rest}\n" if rest else "")

    def _sentences(self, text: str) -> str:
        lines = ""
        while sentence := _SENTENCE.match(text, self._printed):
            self._printed = sentence.end()
            lines += f"{one_line(sentence[0])}\n"
        return lines


class Subtitles:
    """An SRT file that grows with each stretch. Raises OutputError if it can't be written."""

    def __init__(self, path: Path, model: Model):
        self._path, self._model = path, model
        self._count = 0
        try:
            self._file: TextIO = path.open("w", encoding="utf-8", newline="\n")
        except OSError as error:
            raise OutputError.from_os_error(path, error) from error

    def add(self, stretch: Words | Closed) -> None:
        """Write the subtitles of a stretch that has ended."""
        if isinstance(stretch, Words) or not stretch.turns:
            return
        task, checkpoint = self._model.task, self._model.checkpoint.name
        language = task.language or next((turn.language for turn in stretch.turns), "")
        # A subtitle ends with its stretch, because it is not known when the next one begins.
        transcript = Transcript("live", stretch.turns, task.name, language, checkpoint, stretch.end_seconds, "")
        text = write_srt(transcript, first=self._count + 1)
        self._count += text.count(" --> ")
        try:
            self._file.write(text)
            self._file.flush()
        except OSError as error:
            with suppress(OSError):  # its buffer can't be written either
                self._file.close()
            raise OutputError.from_os_error(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()
