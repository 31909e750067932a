"""Recordings for the command line, and interrupts of it."""

from __future__ import annotations

from contextlib import closing
from itertools import count
from pathlib import Path

from kikitori.transcribe import stream
from kikitori.update import Draft, Transcription
from tests.support.recordings import RECORDINGS, recordings_in

CLIPS = recordings_in(RECORDINGS, "pt")[:2]
CLIP_TEXTS = [clip.reference for clip in CLIPS]


def outputs(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def interrupted_at_the_second_recording():
    """A `stream` that is interrupted after the first update of the second recording."""
    calls = count()

    def stream_and_interrupt(*arguments, **options):
        transcription = stream(*arguments, **options)
        if next(calls) == 0:
            return transcription
        return Transcription(steps_until_interrupt(transcription, during_draft=False), transcription.blank)

    return stream_and_interrupt


def steps_until_interrupt(transcription: Transcription, during_draft: bool):
    """Raise KeyboardInterrupt after the first draft, or after the first update."""
    with closing(transcription):
        for step in transcription:
            yield step
            if isinstance(step, Draft) == during_draft:
                raise KeyboardInterrupt
