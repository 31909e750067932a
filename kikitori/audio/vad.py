"""Voice activity: which parts of a recording are speech, by Silero's detector, whose weights are in its wheel.

The detector takes 32 ms per step and keeps a state between steps, so a long recording is a slow loop. Here a stretch is
cut into rows that go through the detector in parallel. Each row begins a little early, to build up the state.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE

# What the detector takes per step at 16 kHz, 32 ms.
STEP_SAMPLES = 512

# 20 s.
ROW_STEPS = 625

# 0.5 s.
WARM_UP_STEPS = 16

# Speech begins at this probability. Silero's default is 0.5. A lower value takes some silence for speech, which costs
# time; a higher one loses words.
THRESHOLD = 0.4

# Speech ends below this probability. Silero's default is 0.15 below the other, which finds no pause between the turns
# of a noisy line.
SILENCE_THRESHOLD = 0.35

MIN_SPEECH_MS = 100
MIN_SILENCE_MS = 100

# The detector is one object with a state.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Span:
    """Samples from `start` up to, but not including, `end`."""

    start: int
    end: int


def find_speech(waveform: np.ndarray) -> list[Span]:
    """Return the stretches of speech, in order and without overlaps; without padding at their ends.

    waveform: float32 array of shape (samples,), mono, 16 kHz.
    """
    from silero_vad import get_speech_timestamps_from_probs

    spans = get_speech_timestamps_from_probs(
        speech_probabilities(waveform).tolist(),
        threshold=THRESHOLD,
        neg_threshold=SILENCE_THRESHOLD,
        min_speech_duration_ms=MIN_SPEECH_MS,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=0,
        audio_length_samples=len(waveform),
    )
    return [Span(span["start"], min(span["end"], len(waveform))) for span in spans]


def speech_probabilities(waveform: np.ndarray) -> np.ndarray:
    """Return Silero's probability of speech for each 512 samples of a waveform: float32 of shape (steps,)."""
    import torch

    steps = -(-len(waveform) // STEP_SAMPLES)
    if not steps:
        return np.zeros(0, np.float32)
    frames = torch.from_numpy(_rows(waveform, steps)).split(STEP_SAMPLES, dim=1)
    detector = _detector()
    with _ONE_AT_A_TIME, torch.inference_mode():
        detector.reset_states()
        columns = [detector(frame, SAMPLE_RATE) for frame in frames]
    return torch.cat(columns[WARM_UP_STEPS:], dim=1).numpy().ravel()[:steps]


def _rows(waveform: np.ndarray, steps: int) -> np.ndarray:
    """Cut the waveform into rows of ROW_STEPS, each preceded by the last WARM_UP_STEPS of the row before."""
    row, warm_up = min(ROW_STEPS, steps) * STEP_SAMPLES, WARM_UP_STEPS * STEP_SAMPLES
    count = -(-steps * STEP_SAMPLES // row)
    padded = np.zeros(warm_up + count * row, np.float32)
    padded[warm_up : warm_up + len(waveform)] = waveform
    return np.stack([padded[number * row : number * row + warm_up + row] for number in range(count)])


@cache
def _detector():
    from silero_vad import load_silero_vad

    return load_silero_vad()
