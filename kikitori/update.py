"""What one step of a transcription adds, and how steps add up to a transcript.

A step hands on only what is new, so that the last window of a four-hour recording costs what the first one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kikitori.peaks import Peaks
from kikitori.strings import format_duration
from kikitori.timing import estimate_times
from kikitori.transcript import Transcript, TranscriptWarning, Turn, count_languages


@dataclass(frozen=True)
class Draft:
    """Text that the model is writing now, one string per turn: not checked, not linked, in no file."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Update:
    """What one window adds.

    turns: new turns that stay as they are; they follow those of earlier updates. If their times are not measured, they
        are those of the window: only the turns after them decide how its time is divided.
    open_turns: the turns after them, which the next window may still change. They replace earlier open turns.
    warnings, raw_texts: new ones.
    duration_seconds: how much of the recording is transcribed so far.
    tokens: what the model wrote for the window, as the id and the log probability of each token.
    """

    turns: tuple[Turn, ...] = ()
    open_turns: tuple[Turn, ...] = ()
    warnings: tuple[TranscriptWarning, ...] = ()
    raw_texts: tuple[str, ...] = ()
    duration_seconds: float = 0.0
    tokens: tuple[tuple[int, float], ...] = ()


def partial_warning(seconds: float) -> TranscriptWarning:
    """Return the warning that only the first seconds of a recording are transcribed."""
    message = f"only the first {format_duration(seconds)} are in this transcript"
    return TranscriptWarning("partial", message, values={"seconds": f"{seconds:.3f}"})


class Transcription:
    """A transcription at work: an iterator over its drafts and updates, and the transcript so far.

    steps: what the pipeline yields. blank: a transcript without turns that names the recording, the direction and so
    on; its warnings come first. peaks: those of the sound that the steps read.
    """

    def __init__(self, steps: Iterator[Update | Draft], blank: Transcript, peaks: Peaks | None = None):
        self._steps = steps
        self.blank = blank
        self.peaks = peaks or Peaks()
        self._turns: list[Turn] = []
        self._open_turns: tuple[Turn, ...] = ()
        self._warnings = list(blank.warnings)
        self._raw_texts: list[str] = []
        self._characters: Counter[str] = Counter()
        self.is_complete = False
        self.duration_seconds = 0.0
        """How much of the recording is transcribed so far."""

    def __iter__(self) -> Transcription:
        """Start or resume the work."""
        return self

    def __next__(self) -> Update | Draft:
        """Do one step."""
        try:
            step = next(self._steps)
        except StopIteration:
            self.is_complete = True
            raise
        if isinstance(step, Update):
            self._add(step)
        return step

    def finish(self) -> Transcript:
        """Do all steps that are left, and return the whole transcript."""
        for _ in self:
            pass
        return self.transcript

    def close(self) -> None:
        """Stop the model; the transcript so far stays."""
        self._steps.close()

    @property
    def transcript(self) -> Transcript:
        """What is transcribed so far, with a warning of the kind `partial` until all steps are done.

        Turns whose times were not measured have estimated ones.
        """
        warnings = tuple(self._warnings)
        if not self.is_complete:
            warnings += (partial_warning(self.duration_seconds),)
        return replace(
            self.blank,
            turns=estimate_times((*self._turns, *self._open_turns)),
            language=self.language,
            warnings=warnings,
            raw_text="\n".join(self._raw_texts),
            duration_seconds=self.duration_seconds,
        )

    @property
    def language(self) -> str:
        """The transcript's language; if it is detected, that of most of the text so far, or empty."""
        detected = max(self._characters, key=self._characters.__getitem__, default="")
        return self.blank.language or detected

    def _add(self, update: Update) -> None:
        """Take what is new; the cost does not depend on what came before."""
        self._characters += count_languages(update.turns)
        self._turns += update.turns
        self._open_turns = update.open_turns
        self._warnings += update.warnings
        self._raw_texts += update.raw_texts
        self.duration_seconds = max(self.duration_seconds, update.duration_seconds)
