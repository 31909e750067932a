"""Which language is spoken, by a model that can detect it, and whether it is the one that the direction expects.

Without a forced language, Qwen3-ASR begins its text with `language X<asr_text>`. That prefix is enough, so only the
first tokens of a short clip are decoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.engines.engine import Engine, Prompt
from kikitori.result import DecodingResult, last
from kikitori.tasks import TASKS, Task
from kikitori.text.detected_language import DETECTION_SECONDS, MAX_PREFIX_TOKENS, PREFIX_TOKENS, split_language
from kikitori.transcript import TranscriptWarning

MIN_PROBABILITY = 0.9
"""Of the prefix. Speech is far above it; in noise and music the model is unsure of a language or names none."""


def detect_languages(engine: Engine, waveforms: Sequence[np.ndarray]) -> list[str | None]:
    """Return the English name of the language spoken in each clip; None for silence, or if the model is unsure.

    engine: a model that can detect languages. waveforms: float32 mono 16 kHz, (samples,) each; the first
    DETECTION_SECONDS are used, and only the first tokens decoded.
    """
    clips = [waveform[: round(DETECTION_SECONDS * SAMPLE_RATE)] for waveform in waveforms]
    return [_named_language(result) for result in last(engine.stream(clips, Prompt(None), MAX_PREFIX_TOKENS))]


def check_language(task: Task, engine: Engine, waveform: np.ndarray) -> TranscriptWarning | None:
    """Return a warning if a clip is in another language than the task's; it names the directions that fit."""
    (detected,) = detect_languages(engine, [waveform])
    if detected is None or detected == task.spoken:
        return None
    values = {"detected": detected, "expected": task.spoken, "directions": " ".join(_fitting(detected))}
    remedy = f"{task.name} expects {task.spoken}: choose the direction {values['directions'].replace(' ', ' or ')}"
    if task.takes_any:
        remedy = f"{task.spoken} was chosen: choose {detected}, or auto"
    return TranscriptWarning("other_language", f"the recording seems to be in {detected}, and {remedy}", values=values)


def _fitting(language: str) -> list[str]:
    """The directions that take a language; those that take any come last."""
    own = [name for name, other in TASKS.items() if other.spoken == language]
    return own + [name for name, other in TASKS.items() if other.takes_any]


def _named_language(result: DecodingResult) -> str | None:
    probability = math.exp(sum(result.log_probabilities[:PREFIX_TOKENS]))
    return (split_language(result).named_language or None) if probability >= MIN_PROBABILITY else None
