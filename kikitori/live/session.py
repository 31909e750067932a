"""One visitor's live sound: passes of the model while somebody speaks, and a last one in each pause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE, limit_peak
from kikitori.audio.windows import Window
from kikitori.engines.engine import Prompt
from kikitori.job import Job, ParsedWindow
from kikitori.live.agreement import Agreement
from kikitori.live.cutting import COMMIT_SECONDS
from kikitori.live.events import Closed, Event, Words
from kikitori.live.sound import LiveSound
from kikitori.pipeline import parse_windows
from kikitori.result import DecodingResult
from kikitori.strings import join_texts
from kikitori.text.context import check_context, echoes
from kikitori.text.detected_language import split_language
from kikitori.text.faults import BROKEN_CHARACTER, has_loop
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcribe import Model
from kikitori.transcript import Turn

PASS_SECONDS = 1.0
"""How much new sound a pass needs."""
FIRM_AFTER_SECONDS = 2.0
"""Passes over less sound make nothing firm: the model often takes a first syllable for another word or language."""
STEP_SAMPLES = SAMPLE_RATE // 4
"""How often a pause is looked for, however much sound comes at once."""


@dataclass
class Work:
    """What a session has cost. encoded_seconds: of sound that passes have encoded, each time that they did."""

    passes: int = 0
    encoded_seconds: float = 0.0


class LiveSession:
    """Turns sound into events. It is used by one thread at a time.

    model: from `load_model`; its engine must be in this process. context: names and terms that may be said. Raises
    TextError for a context that can't be used.
    """

    def __init__(self, model: Model, context: str = ""):
        task = model.task
        self._job = Job(task, task.plan(model.checkpoint), model.engine, context=check_context(context))
        self._sound = LiveSound()
        self.work = Work()
        self._number = -1
        self._begin()

    @property
    def seconds(self) -> float:
        """Length of all sound so far."""
        return self._sound.seconds

    @property
    def is_open(self) -> bool:
        """Whether the open stretch has speech."""
        return bool(self._sound.spans)

    def add(self, samples: np.ndarray) -> Iterator[Event]:
        """Take sound, float32 mono 16 kHz, (samples,), of any length; yield what it changes.

        At most one pass is made over a stretch that stays open. So a caller who is late and adds more at once catches
        up. Raises what the engine raises.
        """
        for start in range(0, len(samples), STEP_SAMPLES):
            self._sound.add(samples[start : start + STEP_SAMPLES])
            while (complete := self._sound.find_cut(self._agreement.covered)) is not None:
                yield from self._close_stretch(complete)
        if self._is_pass_due():
            yield self._pass()

    def flush(self) -> Iterator[Event]:
        """Close the open stretch, as a pause does; yield its end, if it has speech."""
        self._sound.end()
        yield from self._close_stretch(len(self._sound.waveform))

    def _begin(self) -> None:
        """Begin a stretch."""
        self._number += 1
        self._agreement = Agreement()
        self._clip = self._job.engine.growing_clip(Prompt(self._job.task.language, self._job.context))
        self._passed = 0  # samples that the last pass knew

    def _is_pass_due(self) -> bool:
        new = len(self._sound.waveform) - self._passed
        return new >= PASS_SECONDS * SAMPLE_RATE and bool(self._sound.spans)

    def _pass(self) -> Words:
        """Decode the open stretch once more."""
        waveform = self._sound.waveform
        self._passed = len(waveform)
        result = self._decode(waveform)
        if self._is_sound(result):
            seconds = len(waveform) / SAMPLE_RATE
            may_commit = not self._job.task.translates and FIRM_AFTER_SECONDS <= seconds <= COMMIT_SECONDS
            tokens = tuple(zip(result.ids, result.log_probabilities, strict=True))[:-1]
            self._agreement.add(tokens, len(waveform), may_commit)
        else:
            self._agreement.distrust()
        start = (self._sound.start + self._sound.spans[0].start) / SAMPLE_RATE
        firm, tail = ([token for token, _ in part] for part in (self._agreement.firm, self._agreement.tail))
        shown, whole = self._shown(firm), self._shown(firm + tail)
        tentative = whole[len(shown) :] if whole.startswith(shown) else ""
        return Words(self._number, round(start, 3), round(self.seconds, 3), shown, tentative)

    def _decode(self, waveform: np.ndarray) -> DecodingResult:
        """Decode a stretch from its firm tokens on."""
        self.work.passes += 1
        self.work.encoded_seconds += len(waveform) / SAMPLE_RATE
        ids, log_probabilities = zip(*self._agreement.firm, strict=True) if self._agreement.firm else ((), ())
        return self._clip.decode(limit_peak(waveform), ids, log_probabilities)

    def _is_sound(self, result: DecodingResult) -> bool:
        """Whether a pass may be shown: it has ended by itself, and has no fault that can be seen in its text."""
        has_fault = has_loop(result.text) or BROKEN_CHARACTER in result.text
        return result.ended_by == "end" and not has_fault and not echoes(result.text, self._job.context)

    def _shown(self, ids: list[int]) -> str:
        """The words of tokens, as turns will have them."""
        result = DecodingResult(self._clip.text(ids), "cancelled")
        text = (result if self._job.task.language else split_language(result)).text
        turns, _ = (parse_turns if self._job.plan.has_speakers else parse_plain)(text)
        return join_texts(turn.text for turn in turns)

    def _close_stretch(self, samples: int) -> Iterator[Closed]:
        window = self._sound.take(samples)
        if window:
            parsed = self._parse(window)
            turns = tuple(_provisional(turn) for one in parsed for turn in one.turns)
            warnings = tuple(warning for one in parsed for warning in one.warnings)
            times = round(window.start_seconds, 3), round(window.end_seconds, 3), round(self.seconds, 3)
            yield Closed(self._number, *times, turns, warnings)
            self._begin()

    def _parse(self, window: Window) -> list[ParsedWindow]:
        """Decode a whole stretch and check it. With firm words there are warnings, but no retries in halves."""
        if not self._agreement.firm:
            self.work.passes += 1
            self.work.encoded_seconds += window.samples / SAMPLE_RATE
            return list(parse_windows([window], self._job.decode([window.waveform]), self._job))
        result = self._decode(window.waveform)
        result = result if self._job.task.language else split_language(result)
        # Without the context: a copy of it is not shown as firm, and a retry without it would change firm words.
        return list(parse_windows([window], [result], replace(self._job, context=""), retries=0))


def _provisional(turn: Turn) -> Turn:
    return replace(turn, speaker=turn.speaker and f"{turn.speaker}?")
