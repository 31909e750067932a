"""A recording in another language than the direction's is noticed; noise, music and silence give no verdict."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.files import load_audio
from kikitori.language_check import check_language, detect_languages
from kikitori.tasks import TASKS
from kikitori.transcribe import load_model
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in

SPOKEN = {"diarize": "Japanese", "ja2en": "Japanese", "en2ja": "English", "pt": "Portuguese"}
SECONDS = np.arange(10 * 16000) / 16000
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module")
def engine():
    return load_model("pt", checkpoint="tiny").engine


@pytest.mark.slow
def test_the_language_of_every_recording_is_detected(engine):
    for recording in (*recordings_in(EXAMPLES), *recordings_in(RECORDINGS)):
        assert detect_languages(engine, [load_audio(recording.path)]) == [SPOKEN[recording.direction]], (
            recording.path.name
        )


@pytest.mark.slow
@pytest.mark.parametrize("direction", SPOKEN)
@pytest.mark.parametrize("other", ["call_order", "english_travel", "portuguese_daily"])
def test_a_warning_names_the_language_and_the_direction_that_fits(engine, direction, other):
    recording = next(recording for recording in recordings_in(EXAMPLES) if recording.path.stem == other)
    spoken, expected = SPOKEN[recording.direction], SPOKEN[direction]
    warning = check_language(TASKS[direction], engine, load_audio(recording.path))
    if spoken == expected:
        assert warning is None
        return
    fitting = {
        "Japanese": "diarize or ja2en or transcribe",
        "English": "en2ja or transcribe",
        "Portuguese": "pt or transcribe",
    }[spoken]
    assert warning.kind == "other_language"
    assert warning.message == (
        f"the recording seems to be in {spoken}, and {direction} expects {expected}: choose the direction {fitting}"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "sound",
    [
        RNG.normal(0, 0.1, len(SECONDS)),
        RNG.normal(0, 0.001, len(SECONDS)),
        np.full(len(SECONDS), 1e-5),
        0.3 * np.sin(2 * np.pi * 440 * SECONDS),
        sum(0.1 * np.sin(2 * np.pi * pitch * SECONDS) for pitch in (220, 277, 330, 440)),
        0.3 * np.sin(2 * np.pi * np.repeat(RNG.choice([262, 294, 330, 349, 392, 440], 40), 4000) * SECONDS),
    ],
    ids=["noise", "soft noise", "silence", "tone", "chord", "melody"],
)
def test_without_speech_there_is_no_verdict(engine, sound):
    assert detect_languages(engine, [sound.astype(np.float32)]) == [None]
