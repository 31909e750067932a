"""What the tests of live text share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kikitori.live.events import Event
from kikitori.live.session import LiveSession
from kikitori.transcribe import Model, load_model

BLOCK = 4000
"""Samples that come at once, a quarter of a second."""


@pytest.fixture(scope="session")
def model() -> Callable[..., Model]:
    """Gives the tiny checkpoint for a direction."""
    return lambda direction, **options: load_model(direction, checkpoint="tiny", **options)


@pytest.fixture
def listen() -> Callable[..., list[Event]]:
    """Plays sound to a session in blocks, and closes the last stretch."""

    def listen(session: LiveSession, waveform: np.ndarray, block: int = BLOCK) -> list[Event]:
        events = []
        for start in range(0, len(waveform), block):
            events += session.add(waveform[start : start + block])
        return [*events, *session.flush()]

    return listen
