"""Where somebody speaks: Silero's voice-activity detector, whose weights ship in its wheel, on many pieces at once.

The detector hears 32 ms a step and carries a state from step to step. On one long recording that is a slow loop; here
a stretch is cut into rows which go through it side by side, each beginning a little early to build its state up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE

STEP_SAMPLES = 512
"""What the detector takes at once at 16 kHz."""
ROW_STEPS = 625  # 20 s
WARM_UP_STEPS = 16

THRESHOLD = 0.4
"""Silero's own is 0.5. A word that is taken for silence is lost, silence that is taken for speech only costs time."""
SILENCE_THRESHOLD = 0.35
"""Silero's own is 0.15 below the other, which leaves no pause between the turns of a noisy line."""
MIN_SPEECH_MS = 100
MIN_SILENCE_MS = 100

_ONE_AT_A_TIME = threading.Lock()
"""The detector keeps its state between calls."""


@dataclass(frozen=True)
class Span:
    """A stretch of samples, `start` included, `end` not."""

    start: int
    end: int


def find_speech(waveform: np.ndarray) -> list[Span]:
    """The stretches in which somebody speaks; in order, apart from each other.

    waveform: float32 mono 16 kHz, (samples,). The edges are where the detector puts them, without padding.
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
    """Silero's probability of speech for every 512 samples of a waveform (samples,): (steps,) float32."""
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
    """The waveform as rows of ROW_STEPS, each with the last steps of the row before in front."""
    row, warm_up = min(ROW_STEPS, steps) * STEP_SAMPLES, WARM_UP_STEPS * STEP_SAMPLES
    count = -(-steps * STEP_SAMPLES // row)
    padded = np.zeros(warm_up + count * row, np.float32)
    padded[warm_up : warm_up + len(waveform)] = waveform
    return np.stack([padded[number * row : number * row + warm_up + row] for number in range(count)])


@cache
def _detector():
    from silero_vad import load_silero_vad

    return load_silero_vad()
