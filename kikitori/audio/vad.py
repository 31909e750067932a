"""Voice activity: which parts of a recording are speech, by Silero's detector.

The detector keeps a state between steps, so a long recording is a slow loop. Here a stretch is cut into rows that go
through the detector in parallel. Each row begins a little early, to build up the state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kikitori.audio.silero import STEP_SAMPLES, detect

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


@dataclass(frozen=True)
class Span:
    """Samples from `start` up to, but not including, `end`."""

    start: int
    end: int


def find_speech(waveform: np.ndarray) -> list[Span]:
    """Return the stretches of speech, in order and without overlaps; without padding at their ends.

    waveform: float32 array of shape (samples,), mono, 16 kHz.
    """
    return speech_spans(speech_probabilities(waveform), len(waveform))


def speech_spans(probabilities: np.ndarray, samples: int) -> list[Span]:
    """Return the stretches of speech, as `find_speech`, from the probability of each step.

    samples: length of the sound, of which the last step may be a part.
    """
    from silero_vad import get_speech_timestamps_from_probs

    spans = get_speech_timestamps_from_probs(
        probabilities.tolist(),
        threshold=THRESHOLD,
        neg_threshold=SILENCE_THRESHOLD,
        min_speech_duration_ms=MIN_SPEECH_MS,
        min_silence_duration_ms=MIN_SILENCE_MS,
        speech_pad_ms=0,
        audio_length_samples=samples,
    )
    return [Span(span["start"], min(span["end"], samples)) for span in spans]


def speech_probabilities(waveform: np.ndarray) -> np.ndarray:
    """Return Silero's probability of speech for each 512 samples of a waveform: float32 of shape (steps,)."""
    steps = -(-len(waveform) // STEP_SAMPLES)
    if not steps:
        return np.zeros(0, np.float32)
    return detect(_rows(waveform, steps))[:, WARM_UP_STEPS:].ravel()[:steps]


def _rows(waveform: np.ndarray, steps: int) -> np.ndarray:
    """Cut the waveform into rows of ROW_STEPS, each preceded by the last WARM_UP_STEPS of the row before."""
    row, warm_up = min(ROW_STEPS, steps) * STEP_SAMPLES, WARM_UP_STEPS * STEP_SAMPLES
    count = -(-steps * STEP_SAMPLES // row)
    padded = np.zeros(warm_up + count * row, np.float32)
    padded[warm_up : warm_up + len(waveform)] = waveform
    return np.stack([padded[number * row : number * row + warm_up + row] for number in range(count)])
