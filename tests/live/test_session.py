"""Live text of real recordings by the tiny checkpoint."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.audio.vad import find_speech
from kikitori.live.cutting import MAX_SECONDS
from kikitori.live.events import Closed, Event, Words
from kikitori.live.session import LiveSession
from kikitori.strings import join_texts
from tests.support.recordings import RECORDINGS, example, recordings_in

CALLS = recordings_in(RECORDINGS, "diarize")
CALL = next(one for one in CALLS if one.path.stem == "diarize_4")
SILENCE = np.zeros(SAMPLE_RATE, np.float32)


def closed(events: list[Event]) -> list[Closed]:
    return [event for event in events if isinstance(event, Closed)]


def text(events: list[Event]) -> str:
    return join_texts(event.text for event in closed(events))


def assert_firm_text_stays(events: list[Event]) -> int:
    """Every later text of a stretch begins with what was firm; return how many characters were firm before its end."""
    firm: dict[int, str] = {}
    for event in events:
        shown = event.firm if isinstance(event, Words) else event.text
        assert shown.startswith(firm.get(event.stretch, ""))
        if isinstance(event, Words):
            firm[event.stretch] = shown
    return sum(map(len, firm.values()))


@pytest.mark.parametrize("direction", ["pt", pytest.param("transcribe", marks=pytest.mark.slow), "en2ja", "ja2en"])
def test_each_recording_gets_its_words(direction, model, listen):
    for one in recordings_in(RECORDINGS, direction)[::3]:
        events = listen(LiveSession(model(direction)), load_audio(one.path))
        assert text(events) == one.text
        assert isinstance(events[0], Words), "words appeared before the end"
        assert_firm_text_stays(events)


@pytest.mark.parametrize("block", [*(pytest.param(size, marks=pytest.mark.slow) for size in (1600, 16000)), 80000])
def test_a_call_gets_its_words_however_the_sound_comes(block, model, listen):
    events = listen(LiveSession(model("diarize")), load_audio(CALL.path), block)
    assert text(events) == CALL.text
    firm = assert_firm_text_stays(events)
    assert firm > 10 or block == 80000
    assert {turn.speaker[-1] for event in closed(events) for turn in event.turns} == {"?"}


@pytest.mark.parametrize("block", [4000, 10**6])
def test_a_call_in_which_nobody_pauses_for_long_gets_its_words_at_every_pace(block, model, listen):
    one = example("call_order")
    events = listen(LiveSession(model("diarize")), load_audio(one.path), block)
    assert text(events) == one.text
    assert_firm_text_stays(events)


@pytest.mark.slow
def test_stretches_have_numbers_and_times_in_order(model, listen):
    waveform = np.concatenate([SILENCE, load_audio(CALL.path)])
    events = listen(LiveSession(model("diarize")), waveform)
    ends = closed(events)
    assert [event.stretch for event in ends] == [*range(len(ends))] and len(ends) > 1
    assert all(one.end_seconds <= two.start_seconds for one, two in pairwise(ends))
    assert ends[0].start_seconds > 1 and ends[-1].end_seconds <= len(waveform) / SAMPLE_RATE
    for event in events:
        if isinstance(event, Words):
            assert event.start_seconds == pytest.approx(ends[event.stretch].start_seconds, abs=0.04)


def test_a_detected_language_is_told_and_not_shown(model, listen):
    one = recordings_in(RECORDINGS, "pt")[0]
    events = listen(LiveSession(model("transcribe")), load_audio(one.path))
    assert [turn.language for event in closed(events) for turn in event.turns] == ["Portuguese"]
    assert not any("language" in event.firm + event.tentative for event in events if isinstance(event, Words))


@pytest.mark.slow
def test_a_translation_is_firm_at_pauses_only(model, listen):
    waveform = np.concatenate([load_audio(one.path) for one in recordings_in(RECORDINGS, "en2ja")[:3]])
    events = listen(LiveSession(model("en2ja")), waveform)
    words = [event for event in events if isinstance(event, Words)]
    assert not any(event.firm for event in words) and any(event.tentative for event in words)


def unbroken() -> np.ndarray:
    """Speech of calls without the pauses."""
    calls = [load_audio(one.path) for one in CALLS]
    return np.concatenate([call[span.start : span.end] for call in calls for span in find_speech(call)])


@pytest.mark.slow
def test_the_work_per_second_stays_the_same_however_long_somebody_talks(model, listen):
    """Without a pause each pass hears 15 s at most, and there is one per second."""
    session, longest, work = LiveSession(model("diarize")), 0.0, [0.0]
    waveform = unbroken()
    third = len(waveform) // 3
    for start in (0, third, 2 * third):
        for place in range(start, start + third, SAMPLE_RATE):
            before = session.work.encoded_seconds, session.work.passes
            list(session.add(waveform[place : place + SAMPLE_RATE]))
            done = session.work.encoded_seconds - before[0], session.work.passes - before[1]
            longest = max(longest, done[0] / max(1, done[1]))
        work.append(session.work.encoded_seconds)
    assert longest <= MAX_SECONDS
    per_second = [(two - one) * SAMPLE_RATE / third for one, two in pairwise(work)]
    assert max(per_second) < 1.5 * min(per_second) + 1, per_second


def test_silence_gives_nothing(model, listen):
    session = LiveSession(model("pt"))
    assert listen(session, np.tile(SILENCE, 30)) == []
    assert session.work.passes == 0 and session.seconds == pytest.approx(30, abs=0.032)


def test_noise_and_music_before_and_after_speech_add_no_word(model, listen):
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(0, 0.05, len(time))
    chord = sum(0.1 * np.sin(2 * np.pi * hertz * time) for hertz in (261.6, 329.6, 392.0))
    one = recordings_in(RECORDINGS, "pt")[0]
    sound = np.concatenate([noise, load_audio(one.path), chord]).astype(np.float32)
    assert text(listen(LiveSession(model("pt")), sound)) == one.text


def test_a_copy_of_the_context_never_becomes_firm(model, listen):
    """The tiny checkpoint was not trained with context, and copies none; its own words stand for one here."""
    one = recordings_in(RECORDINGS, "pt")[0]
    waveform = load_audio(one.path)
    events = listen(LiveSession(model("pt"), context=", ".join(one.text.split())), waveform)
    words = [event for event in events if isinstance(event, Words)]
    assert words and not any(event.firm for event in words)
    assert closed(events)


@pytest.mark.slow
def test_what_is_left_of_a_faulty_text_is_told(model, listen, monkeypatch):
    monkeypatch.setattr("kikitori.model.budget.BUDGET_TOKENS", 1)
    monkeypatch.setattr("kikitori.model.budget.BUDGET_TOKENS_PER_SECOND", 1)
    events = listen(LiveSession(model("diarize")), load_audio(CALL.path))
    assert {warning.kind for event in closed(events) for warning in event.warnings} >= {"budget"}
    assert all(warning.start_seconds is not None for event in closed(events) for warning in event.warnings)
