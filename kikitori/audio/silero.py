"""Silero's voice activity detector, whose weights are in its wheel, over many steps at once.

Its own call takes one step after another. Only its small recurrent layer needs that: here all steps go through its
convolutions at once, each as one matrix product, because torch's own are slow for so few frames. Its layers have no
public names, so this is checked against its own call before it is used.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE

if TYPE_CHECKING:
    import torch

STEP_SAMPLES = 512
"""What the detector takes per step at 16 kHz, 32 ms."""
CONTEXT_SAMPLES = 64
"""What it sees of the step before."""
FRAME_SAMPLES, HOP_SAMPLES, MIRRORED_SAMPLES = 256, 128, 64
"""Of its Fourier transform: a step with what is seen before it, and with its end mirrored, has four frames."""
STRIDES = 1, 2, 2, 1
"""Of its convolutions, each over three frames: the last one leaves one frame per step."""
STATE = 128
"""Numbers in the state of its recurrent layer."""
STEPS_AT_ONCE = 256
"""How many steps go through the convolutions at once, which bounds the memory."""
MAX_DIFFERENCE = 1e-3
"""Of two probabilities that count as equal."""
Memory: TypeAlias = "tuple[torch.Tensor, torch.Tensor, torch.Tensor]"
"""What it knows of the sound before: CONTEXT_SAMPLES of each row, and both states of its recurrent layer."""

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
    return _continue(rows, _beginning(len(rows)))[0]


def _beginning(rows: int) -> Memory:
    import torch

    start = torch.zeros(1, rows, STATE)
    return torch.zeros(rows, CONTEXT_SAMPLES), start, start


def _continue(rows: torch.Tensor, memory: Memory) -> tuple[torch.Tensor, Memory]:
    """Do what `at_once` does after other sound; return the memory of all sound too."""
    import torch

    before, hidden, cell = memory
    layers = _detector()._model
    sound = torch.cat([before, rows], dim=1)
    parts = sound.unfold(1, CONTEXT_SAMPLES + STEP_SAMPLES, STEP_SAMPLES).flatten(0, 1).split(STEPS_AT_ONCE)
    features = torch.cat([_convolve(layers, part) for part in parts]).view(len(rows), -1, STATE)
    rnn = layers.decoder.rnn
    weights = [rnn.weight_ih, rnn.weight_hh, rnn.bias_ih, rnn.bias_hh]
    states, hidden, cell = torch.lstm(features, (hidden, cell), weights, True, 1, 0.0, False, False, True)
    probabilities = layers.decoder.decoder(states.reshape(-1, STATE, 1)).view(len(rows), -1)
    return probabilities, (sound[:, -CONTEXT_SAMPLES:].clone(), hidden, cell)


def _convolve(layers: torch.jit.ScriptModule, parts: torch.Tensor) -> torch.Tensor:
    """Return what the detector's layers before the recurrent one make of each step: (steps, STATE).

    parts: (steps, CONTEXT_SAMPLES + STEP_SAMPLES).
    """
    import torch
    import torch.nn.functional as F

    mirrored = F.pad(parts, (0, MIRRORED_SAMPLES), mode="reflect")
    frames = mirrored.unfold(1, FRAME_SAMPLES, HOP_SAMPLES).flatten(0, 1)
    x = torch.hypot(*(frames @ layers.stft.forward_basis_buffer[:, 0].t()).chunk(2, dim=1))
    for number, stride in enumerate(STRIDES):
        convolution, width = getattr(layers.encoder, str(number)).reparam_conv, x.shape[1]
        padded = F.pad(x.view(len(parts), -1), (width, width))  # a frame of zeros on each side
        threes = padded.unfold(1, 3 * width, stride * width).flatten(0, 1)
        x = F.linear(threes, convolution.weight.transpose(1, 2).flatten(1), convolution.bias).relu_()
    return x


def step_by_step(rows: torch.Tensor) -> torch.Tensor:
    """Do the same with the detector's own call."""
    import torch

    detector = _detector()
    with _ONE_AT_A_TIME:
        detector.reset_states()
        return torch.cat([detector(step, SAMPLE_RATE) for step in rows.split(STEP_SAMPLES, dim=1)], dim=1)


class LiveDetector:
    """The detector on sound that comes in parts. It remembers all sound before, as if the parts were one.

    If it knew only the last half second before each part, it would take whole words for silence.
    """

    def __init__(self):
        self._memory = _beginning(1)
        # The detector's own call keeps its memory in the object.
        self._own = _load() if _choose() is step_by_step else None

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Return the probability of speech in each step of the next part: float32, (steps,).

        samples: float32, (steps * STEP_SAMPLES,), mono, 16 kHz.
        """
        import torch

        with torch.inference_mode():
            row = torch.from_numpy(samples)[None]
            if self._own:
                steps = [self._own(step, SAMPLE_RATE) for step in row.split(STEP_SAMPLES, dim=1)]
                return torch.cat(steps, dim=1)[0].numpy()
            probabilities, self._memory = _continue(row, self._memory)
            return probabilities[0].numpy()


@cache
def _detector() -> torch.jit.ScriptModule:
    return _load()


def _load() -> torch.jit.ScriptModule:
    from silero_vad import load_silero_vad

    return load_silero_vad()
