"""What can go wrong for a user. A caller's bug is a ValueError instead."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class SpeechError(Exception):
    """One sentence written for the user: the value, the limit and the remedy.

    template: the sentence, with a `{name}` for each of the values, by which the page finds it in other languages;
    without values it is the sentence as it stands.
    """

    def __init__(self, template: str, **values: str):
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.values = values


class AudioError(SpeechError):
    """A recording that cannot be read or transcribed."""


class RefusedError(AudioError):
    """A recording of which nothing is to be transcribed, though all of it could be read."""


class OutputError(SpeechError):
    """A result that cannot be written."""

    @classmethod
    def from_os_error(cls, path: os.PathLike[str] | str, error: OSError) -> OutputError:
        """The sentence for a file that the system would not write."""
        return cls(f"{path} cannot be written ({error.strerror}): free some space, or choose another --output_dir")


class CheckpointError(SpeechError):
    """A checkpoint that cannot be found, read or trusted."""


class TaskError(SpeechError):
    """A direction that does not exist, or that contradicts another choice."""


def exit_code_of(work: Callable[[], object]) -> int:
    """Do a command's work: 0, or 1 after a SpeechError, whose sentence goes to standard error."""
    try:
        work()
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
