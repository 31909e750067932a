"""Whether a recording is in the language that the direction expects, by a model that can detect it.

Without a forced language, Qwen3-ASR begins its text with `language X<asr_text>`. That prefix is enough, so only the
first tokens of one short window are decoded.
"""

from __future__ import annotations

import math
import re
from contextlib import closing

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.engines.engine import Engine, Prompt
from kikitori.result import DecodingResult
from kikitori.tasks import TASKS, Task
from kikitori.transcript import TranscriptWarning

CHECK_SECONDS = 10.0
"""How much of the first window is listened to."""
MIN_PROBABILITY = 0.9
"""Of the prefix. Speech is far above it; in noise and music the model is unsure of a language or names none."""

_PREFIX = re.compile(r"\Alanguage ([A-Z][a-z]+)<asr_text>")
_PREFIX_TOKENS = 3
"""`language`, the name, `<asr_text>`. The names of rare languages have more, and their first ones decide."""


def detect_language(engine: Engine, waveform: np.ndarray) -> str | None:
    """Return the English name of the language spoken in a clip; None for silence, or if the model is unsure.

    engine: a model that can detect languages. waveform: float32 mono 16 kHz, (samples,); its first CHECK_SECONDS are
    used. Decoding stops after the first tokens.
    """
    clip = waveform[: round(CHECK_SECONDS * SAMPLE_RATE)]
    with closing(engine.stream([clip], Prompt(None))) as steps:
        for (result,) in steps:
            if "<asr_text>" in result.text or result.ended_by != "cancelled":
                return _named_language(result)
    return None


def check_language(task: Task, engine: Engine, waveform: np.ndarray) -> TranscriptWarning | None:
    """Return a warning if a clip is in another language than the task's; it names the direction that fits."""
    detected = detect_language(engine, waveform)
    if detected is None or detected == task.spoken:
        return None
    fitting = [name for name, other in TASKS.items() if other.spoken == detected]
    remedy = f"choose the direction {' or '.join(fitting)}" if fitting else "no direction here takes it"
    message = f"the recording seems to be in {detected}, and {task.name} expects {task.spoken}: {remedy}"
    values = {"detected": detected, "expected": task.spoken, "directions": " ".join(fitting)}
    return TranscriptWarning("other_language", message, values=values)


def _named_language(result: DecodingResult) -> str | None:
    prefix = _PREFIX.match(result.text)
    probability = math.exp(sum(result.log_probabilities[:_PREFIX_TOKENS]))
    if prefix is None or prefix[1] == "None" or probability < MIN_PROBABILITY:
        return None
    return prefix[1]
