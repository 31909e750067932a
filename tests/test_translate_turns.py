"""A call translated turn by turn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori import load_model
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.errors import DamagedError
from kikitori.job import Job
from kikitori.output.writers import WRITERS
from kikitori.tasks import TASKS, TINY
from kikitori.transcript import Transcript, Turn
from kikitori.translate_turns import MARGIN_SECONDS, cut_sounds, translate_turns
from tests.support.engines import ScriptedEngine
from tests.support.recordings import RECORDINGS, recordings_in


@pytest.fixture(scope="module")
def call() -> tuple[np.ndarray, Transcript, list[str]]:
    """Japanese sentences in a row, two speakers in turns, and their translations."""
    recordings = recordings_in(RECORDINGS, "ja2en")
    parts, turns, clock = [], [], 0.0
    for number, recording in enumerate(recordings):
        sound = load_audio(recording.path)
        parts += [sound, np.zeros(SAMPLE_RATE // 2, np.float32)]
        end = clock + len(sound) / SAMPLE_RATE
        turns.append(Turn(f"spk_{number % 2}", recording.said, clock, end, "aligned"))
        clock = end + 0.5
    sound = np.concatenate(parts)
    said = "".join(turn.text for turn in turns)
    transcript = Transcript("call.wav", tuple(turns), "diarize", "Japanese", "tiny", len(sound) / SAMPLE_RATE, said)
    return sound, transcript, [recording.reference for recording in recordings]


def blocks_of(sound: np.ndarray, size: int = 10_000):
    return (sound[start : start + size, np.newaxis] for start in range(0, len(sound), size))


def translated(transcript: Transcript, sound: np.ndarray, engine) -> Transcript:
    task = TASKS["ja2en"]
    return translate_turns(transcript, blocks_of(sound), Job(task, task.plan(TINY), engine)).finish()


def test_every_turn_keeps_its_speaker_and_times_and_gets_its_translation(call):
    sound, transcript, references = call
    model = load_model("ja2en", checkpoint="tiny")
    made = translated(transcript, sound, model.engine)
    assert [turn.text for turn in made.turns] == references
    assert [turn.source for turn in made.turns] == [turn.text for turn in transcript.turns]
    for field in ("speaker", "start_seconds", "end_seconds", "timing"):
        assert [getattr(turn, field) for turn in made.turns] == [getattr(turn, field) for turn in transcript.turns]
    assert (made.direction, made.language, made.warnings) == ("ja2en", "English", ())
    assert f"[spk_0]: {references[0]}\n{transcript.turns[0].text}\n" in WRITERS["srt"](made)


def test_a_turn_without_a_translation_is_a_warning(call):
    sound, transcript, _ = call

    texts = iter(["Yes.", "", *["Yes."] * len(transcript.turns)])
    made = translated(transcript, sound, ScriptedEngine(lambda _: next(texts)))
    assert len(made.turns) == len(transcript.turns) - 1
    (warning,) = made.warnings
    assert warning.kind == "empty" and transcript.turns[1].text in warning.message


def test_a_call_without_turns_is_a_translation_without_turns(call):
    sound, _, _ = call
    empty = Transcript("call.wav", (), "diarize", "Japanese", "tiny", 1.0, "")
    made = translated(empty, sound, ScriptedEngine(lambda _: "Yes."))
    assert made.turns == () and made.direction == "ja2en"


def test_the_last_turn_of_a_damaged_recording_ends_with_the_sound():
    def damaged():
        yield np.ones((SAMPLE_RATE, 1), np.float32)
        raise DamagedError("call.wav", 1.0)

    (cut,) = cut_sounds(damaged(), [Turn(None, "x", 0.5, 1.0, "aligned")])
    assert len(cut) == round((0.5 + MARGIN_SECONDS) * SAMPLE_RATE)


@given(
    st.lists(st.tuples(st.floats(0, 3, allow_subnormal=False), st.floats(0, 2, allow_subnormal=False)), max_size=8),
    st.integers(500, 40_000),
)
def test_sounds_are_the_parts_of_the_recording(spans, size):
    sound = np.arange(4 * SAMPLE_RATE, dtype=np.float32)
    turns = [Turn(None, "x", start, start + length, "aligned") for start, length in sorted(spans)]
    for turn, cut in zip(turns, cut_sounds(blocks_of(sound, size), turns), strict=True):
        first = max(0, round((turn.start_seconds - MARGIN_SECONDS) * SAMPLE_RATE))
        last = round((turn.end_seconds + MARGIN_SECONDS) * SAMPLE_RATE)
        assert np.array_equal(cut, sound[first:last])
