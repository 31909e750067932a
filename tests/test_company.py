"""A recording's transcript does not depend on what is transcribed at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from kikitori.tasks import TASKS
from kikitori.transcribe import Model, load_model, stream
from kikitori.transcript import Turn
from tests.support.recordings import EXAMPLES, RECORDINGS, Recording, recordings_in

ALL = [*recordings_in(EXAMPLES), *recordings_in(RECORDINGS)]


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """By direction; all of the same checkpoint, so that their windows share batches."""
    return {name: load_model(name, checkpoint="tiny", dtype=torch.float32) for name in TASKS}


def exact(turns: Iterable[Turn]) -> list[Turn]:
    """Texts, speakers and times, without how sure the model is: batches of other sizes round that differently."""
    return [replace(turn, low_confidence=()) for turn in turns]


@pytest.mark.slow
def test_recordings_in_company_are_transcribed_as_alone(models, monkeypatch):
    """All of the repository's recordings at once: texts, tokens, speakers and times."""

    def transcribe(recording: Recording) -> tuple[list, list]:
        transcription = stream(models[recording.direction], recording.path)
        tokens = [[token for token, _ in step.tokens] for step in transcription if hasattr(step, "tokens")]
        return tokens, exact(transcription.transcript.turns)

    alone = list(map(transcribe, ALL))
    recognizer = models["pt"].engine.recognizer
    rows, step = [], recognizer.step

    def counted(ids, *others):
        rows.append(len(ids))
        return step(ids, *others)

    monkeypatch.setattr(recognizer, "step", counted)
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(transcribe, ALL)) == alone
    assert max(rows) > 8
