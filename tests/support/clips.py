"""All clips in the repository as waveforms at 16 kHz, and noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kikitori.audio.files import load_audio
from kikitori.result import DecodingResult
from kikitori.tasks import TASKS
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in

CLIPS = [
    (load_audio(recording.path), TASKS[recording.direction].language)
    for folder in (EXAMPLES, RECORDINGS)
    for recording in recordings_in(folder)
]
CONTEXT = "Helena, Kikitori 3.0、佐藤さん; São João\n"
JAPANESE = [waveform for waveform, language in CLIPS if language == "Japanese"]
SHORT_CALLS = sorted((waveform for waveform in JAPANESE if len(waveform) > 6 * 16000), key=len)[:3]
"""Their texts take several turns of a stream."""
FIVE = sorted(JAPANESE, key=len)[5:10]
"""Clips of 3 to 10 s, whose texts end one after the other."""
NOISE = np.random.default_rng(0).normal(0, 0.1, 40 * 16000).astype(np.float32)


def ids(results: Sequence[DecodingResult]) -> list[tuple[int, ...]]:
    """The tokens of each clip."""
    return [result.ids for result in results]
