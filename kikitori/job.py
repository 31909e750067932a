"""How one recording is transcribed, and what becomes of each of its windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kikitori.audio.windows import Window
from kikitori.engines.engine import Engine, Prompt
from kikitori.result import DecodingResult, last
from kikitori.tasks import Plan, Task
from kikitori.text.detected_language import split_language
from kikitori.text.replacements import Rule
from kikitori.transcript import TranscriptWarning, Turn


@dataclass(frozen=True)
class Job:
    """How one recording is transcribed.

    align: measure when turns and words were said. stereo: each channel holds one speaker; None to detect it.
    source: the job of the task that writes what was said, to show it with a translation.
    language_check: a model that can detect the spoken language, to warn of another one than the task's.
    context: names and terms that may be said, from `check_context`. replacements: rules from `check_rules`.
    """

    task: Task
    plan: Plan
    engine: Engine
    align: bool = False
    stereo: bool | None = None
    source: Job | None = None
    language_check: Engine | None = None
    context: str = ""
    replacements: tuple[Rule, ...] = ()

    def stream(self, waveforms: list[np.ndarray]) -> Iterator[list[DecodingResult]]:
        """Decode clips with the context, in the task's language or in the one that is detected, as `Engine.stream`."""
        for results in self.engine.stream(waveforms, Prompt(self.task.language, self.context)):
            yield results if self.task.language else [split_language(result) for result in results]

    def decode(self, waveforms: list[np.ndarray]) -> list[DecodingResult]:
        """Decode clips to the end."""
        return last(self.stream(waveforms))


@dataclass(frozen=True)
class ParsedWindow:
    """What the engine made of one window.

    repaired: how many of the aligner's times had to be changed. tokens: each one's id and log probability.
    """

    window: Window
    raw_text: str
    turns: tuple[Turn, ...]
    warnings: tuple[TranscriptWarning, ...]
    repaired: int
    tokens: tuple[tuple[int, float], ...] = ()
