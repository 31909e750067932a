"""The probabilities of speech are those of Silero's own call, whatever layers its release has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from silero_vad import load_silero_vad

from kikitori.audio import silero
from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from tests.support.recordings import example

ROWS = np.resize(load_audio(example("call_appointment").path), (2, 160 * silero.STEP_SAMPLES))
"""Two rows of about five seconds."""


class Release:
    """A detector with the public call, and with other layers or none that can be reached."""

    def __init__(self, **layers):
        self._detector = load_silero_vad()
        self.reset_states = self._detector.reset_states
        vars(self).update(layers)

    def __call__(self, step: torch.Tensor, rate: int) -> torch.Tensor:
        return self._detector(step, rate)


@pytest.fixture
def forgetful() -> Iterator[None]:
    """The detector is loaded and checked anew."""
    yield
    silero._choose.cache_clear()


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """Each row's probabilities by the detector's own call, one step after another."""
    detector = load_silero_vad()
    rows = []
    with torch.inference_mode():
        for row in torch.from_numpy(ROWS):
            detector.reset_states()
            rows.append([detector(step, SAMPLE_RATE).item() for step in row.split(silero.STEP_SAMPLES)])
    return np.array(rows)


def test_all_steps_at_once_give_the_probabilities_of_one_after_another(expected):
    assert expected.min() < 0.1 and expected.max() > 0.9
    assert silero._choose() is silero.at_once
    np.testing.assert_allclose(silero.detect(ROWS), expected, atol=1e-4)


def probabilities_of_parts() -> np.ndarray:
    detector = silero.LiveDetector()
    sizes = np.cumsum([1, 3, 8, 100]) * silero.STEP_SAMPLES
    return np.concatenate([detector(part) for part in np.split(ROWS[0], sizes)])


def test_parts_give_the_probabilities_of_the_whole(expected):
    found = probabilities_of_parts()
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected[0], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("layers", [{}, {"_model": load_silero_vad()._model_8k}], ids=["none", "others"])
def test_a_release_with_other_layers_is_called_step_by_step(layers, expected, forgetful, monkeypatch):
    release = Release(**layers)
    monkeypatch.setattr(silero, "_detector", lambda: release)
    silero._choose.cache_clear()
    np.testing.assert_allclose(silero.detect(ROWS), expected, atol=1e-4)
    assert silero._choose() is silero.step_by_step
    np.testing.assert_allclose(probabilities_of_parts(), expected[0], atol=1e-4)
