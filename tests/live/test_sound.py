"""The detector hears live sound as it hears a recording, and silence is not kept."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.audio.vad import find_speech
from kikitori.live.sound import LiveSound
from tests.support.recordings import example, one_recording

SPOKEN = load_audio(one_recording("pt").path)
SILENCE = np.zeros(3 * SAMPLE_RATE, np.float32)


def heard(waveform: np.ndarray, block: int) -> LiveSound:
    sound = LiveSound()
    for start in range(0, len(waveform), block):
        sound.add(waveform[start : start + block])
    sound.end()
    return sound


@pytest.mark.slow
@pytest.mark.parametrize("block", [100, 4000, 10**6])
def test_speech_is_found_as_in_a_recording_whatever_the_blocks(block):
    waveform = np.concatenate([SILENCE, load_audio(example("call_order").path)])
    sound = heard(waveform, block)
    expected = find_speech(waveform)
    assert len(sound.spans) == len(expected) > 3
    for span, other in zip(sound.spans, expected, strict=True):
        assert abs(sound.start + span.start - other.start) <= 512
        assert abs(sound.start + span.end - other.end) <= 512
    assert sound.seconds == pytest.approx(len(waveform) / SAMPLE_RATE, abs=0.032)


@pytest.mark.slow
def test_minutes_of_silence_are_not_kept():
    sound = heard(np.tile(SILENCE, 40), 16000)
    assert len(sound.waveform) <= 0.6 * SAMPLE_RATE
    assert sound.seconds == 120
    assert sound.take(len(sound.waveform)) is None


def test_a_taken_part_has_its_times_in_all_sound_and_the_rest_stays():
    sound = heard(np.concatenate([SILENCE, SPOKEN, SPOKEN]), 4000)
    before = sound.waveform
    window = sound.take(len(SPOKEN))
    assert 3 < window.start_seconds < 4 and window.end_seconds <= 3 + len(SPOKEN) / SAMPLE_RATE
    np.testing.assert_array_equal(sound.waveform, before[len(before) - len(sound.waveform) :])
    assert sound.start == pytest.approx(window.pieces[0].start + len(SPOKEN), abs=SAMPLE_RATE)
