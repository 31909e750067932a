"""Silero's voice activity detector, whose weights are in its wheel, over many steps at once.

Its own call takes one step after another. Only its small recurrent layer needs that: here all steps go through its
convolutions at once. Its layers have no public names, so this is checked against its own call before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

STEP_SAMPLES = 512
"""What the detector takes per step at 16 kHz, 32 ms."""
CONTEXT_SAMPLES = 64
"""What it sees of the step before."""
STATE = 128
"""Numbers in the state of its recurrent layer."""
STEPS_AT_ONCE = 256
"""How many steps go through the convolutions at once, which bounds the memory."""
MAX_DIFFERENCE = 1e-3
"""Of two probabilities that count as equal."""

_ONE_AT_A_TIME = threading.Lock()
"""Held for the detector's own call: it is one object with a state."""


def detect(rows: np.ndarray) -> np.ndarray:
    """Return the probability of speech in each step of some recordings: float32, (rows, steps).

    rows: float32, (rows, steps * STEP_SAMPLES), mono, 16 kHz. Several threads may call it at the same time.
    """
    import torch

    with torch.inference_mode():
        return _choose()(torch.from_numpy(rows)).numpy()


@cache
def _choose() -> Callable[[torch.Tensor], torch.Tensor]:
    """Return `at_once` if it computes what the detector's own call computes, else `step_by_step`."""
    import torch

    seconds = torch.arange(8 * STEP_SAMPLES).repeat(2, 1) / SAMPLE_RATE
    buzz = 0.1 * (seconds * torch.tensor([[120.0], [200.0]]) % 1 - 0.5) * (1 + torch.sin(8 * torch.pi * seconds))
    try:
        is_equal = torch.allclose(at_once(buzz), step_by_step(buzz), rtol=0, atol=MAX_DIFFERENCE)
    except (AttributeError, RuntimeError, TypeError, ValueError):  # this release has other layers
        is_equal = False
    return at_once if is_equal else step_by_step


def at_once(rows: torch.Tensor) -> torch.Tensor:
    """Run the detector over rows (rows, samples) layer by layer; return its probabilities, (rows, steps)."""
    import torch

    layers = _detector()._model
    frames = torch.nn.functional.pad(rows, (CONTEXT_SAMPLES, 0)).unfold(1, CONTEXT_SAMPLES + STEP_SAMPLES, STEP_SAMPLES)
    parts = frames.flatten(0, 1).split(STEPS_AT_ONCE)
    features = torch.cat([layers.encoder(layers.stft(part)) for part in parts]).view(len(rows), -1, STATE)
    cell, start = layers.decoder.rnn, torch.zeros(1, len(rows), STATE)
    weights = [cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh]
    states, _, _ = torch.lstm(features, (start, start), weights, True, 1, 0.0, False, False, True)
    return layers.decoder.decoder(states.reshape(-1, STATE, 1)).view(len(rows), -1)


def step_by_step(rows: torch.Tensor) -> torch.Tensor:
    """Do the same with the detector's own call."""
    import torch

    detector = _detector()
    with _ONE_AT_A_TIME:
        detector.reset_states()
        return torch.cat([detector(step, SAMPLE_RATE) for step in rows.split(STEP_SAMPLES, dim=1)], dim=1)


class LiveDetector:
    """Silero's own call on sound that comes in parts. It remembers all sound before, as if the parts were one.

    With nothing but the last half second before each part, it takes the middle of a word for silence.
    """

    def __init__(self):
        self._detector = _load()

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the probability of speech in each step of the next part: float32, (steps,).

        samples: float32, (steps * STEP_SAMPLES,), mono, 16 kHz.
        """
        import torch

        with torch.inference_mode():
            steps = torch.from_numpy(samples).view(-1, 1, STEP_SAMPLES)
            return np.array([self._detector(step, SAMPLE_RATE).item() for step in steps], np.float32)


@cache
def _detector() -> torch.jit.ScriptModule:
    return _load()


def _load() -> torch.jit.ScriptModule:
    from silero_vad import load_silero_vad

    return load_silero_vad()
