"""Windows: none is too long, all speech is in one of them, cuts are in pauses, long silence is left out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.audio.pieces import Piece, _quiet_places
from kikitori.audio.recutting import halves
from kikitori.audio.vad import Span, find_speech, speech_probabilities
from kikitori.audio.windows import Window, cut_channels, cut_windows
from tests.support.recordings import EXAMPLES, example, recordings_in
from tests.support.waveforms import blocks

CALL = load_audio(example("call_appointment").path)
"""Speech from start to end, nearly."""


def silence(seconds: float) -> np.ndarray:
    """The noise of an open line, about 60 dB below speech."""
    return np.random.default_rng(0).normal(0, 1e-4, round(seconds * SAMPLE_RATE)).astype(np.float32)


def voice(waveform: np.ndarray) -> np.ndarray:
    """Return a mask of the samples that are speech."""
    marked = np.zeros(len(waveform), bool)
    for span in find_speech(waveform):
        marked[span.start : span.end] = True
    return marked


# With the real detector


@pytest.mark.slow
def test_speech_is_found_and_silence_is_not():
    waveform = np.concatenate([silence(3), CALL, silence(4)])
    spans = find_speech(waveform)
    assert spans[0].start == pytest.approx(3.3 * SAMPLE_RATE, abs=0.5 * SAMPLE_RATE)
    assert spans[-1].end == pytest.approx(3 * SAMPLE_RATE + len(CALL), abs=0.7 * SAMPLE_RATE)
    assert sum(span.end - span.start for span in spans) > 0.6 * len(CALL)
    assert find_speech(silence(5)) == []
    assert find_speech(np.zeros(0, np.float32)) == []


@pytest.mark.slow
def test_parallel_rows_give_nearly_the_probabilities_of_one_row():
    """The detector takes two minutes as six rows. Step by step it decides the same at 98 % of the steps or more."""
    import torch
    from silero_vad import load_silero_vad

    waveform = np.tile(CALL, 9)[: 120 * SAMPLE_RATE]
    detector = load_silero_vad()
    with torch.inference_mode():
        steps = [detector(frame, SAMPLE_RATE).item() for frame in torch.from_numpy(waveform).split(512)]
    together = speech_probabilities(waveform)
    assert len(together) == len(steps)
    assert np.mean((together > 0.5) != (np.array(steps) > 0.5)) < 0.02


@pytest.mark.slow
def test_a_short_recording_is_one_window_with_all_of_its_sound():
    (window,) = cut_windows(blocks(CALL), 30)
    np.testing.assert_array_equal(window.waveform, CALL)
    assert 0 <= window.start_seconds < 0.7 and window.end_seconds == pytest.approx(len(CALL) / SAMPLE_RATE, abs=0.7)


@pytest.mark.slow
def test_long_silence_is_left_out_and_times_count_it():
    waveform = np.concatenate([silence(20), CALL, silence(60), CALL, silence(20)])
    first, second = cut_windows(blocks(waveform), 20)
    assert max(first.samples, second.samples) <= len(CALL) + 1.1 * SAMPLE_RATE
    assert first.start_seconds == pytest.approx(20, abs=0.7)
    assert second.start_seconds == pytest.approx(20 + len(CALL) / SAMPLE_RATE + 60, abs=0.7)
    (both,) = cut_windows(blocks(waveform), 60)
    assert both.samples <= 2 * len(CALL) + 2.1 * SAMPLE_RATE
    last = both.samples / SAMPLE_RATE - 1
    assert both.to_recording(last) == pytest.approx(both.end_seconds, abs=1.5)
    assert both.to_recording(0) == pytest.approx(both.start_seconds, abs=0.5)


@pytest.mark.slow
def test_a_recording_without_speech_has_no_windows():
    assert list(cut_windows(blocks(silence(40)), 30)) == []
    assert list(cut_windows([], 30)) == []


@pytest.mark.slow
@pytest.mark.parametrize(("max_seconds", "overlap"), [(10, 0), (30, 0), (30, 10), (15, 5)])
def test_all_speech_is_in_a_window_and_no_window_is_too_long(max_seconds, overlap):
    waveform = np.concatenate([CALL, silence(1), CALL, silence(7), CALL, silence(0.3), CALL, CALL])
    covered = np.zeros(len(waveform), bool)
    windows = list(cut_windows(blocks(waveform), max_seconds, overlap))
    for window in windows:
        assert window.samples <= max_seconds * SAMPLE_RATE
        for piece in window.pieces:
            end = piece.start + len(piece.waveform)
            np.testing.assert_array_equal(piece.waveform, waveform[piece.start : end])
            covered[piece.start : end] = True
    assert np.mean(covered[voice(waveform)]) > 0.999
    shared = [two.overlap_seconds(one) for one, two in itertools.pairwise(windows)]
    assert shared and all(0 < seconds < max_seconds / 2 if overlap else seconds == 0 for seconds in shared)
    assert max(shared) >= overlap


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(monkeypatch):
    """Six minutes in stretches of 30 s: the detector never gets more than one minute at once."""
    monkeypatch.setattr("kikitori.audio.pieces.STRETCH_SECONDS", 30.0)
    lengths = []

    def counted(held: np.ndarray) -> list[Span]:
        lengths.append(len(held))
        return find_speech(held)

    monkeypatch.setattr("kikitori.audio.pieces.find_speech", counted)
    half_a_minute = np.concatenate([np.tile(CALL, 2), silence(2)])[: 30 * SAMPLE_RATE]
    windows = list(cut_windows((half_a_minute for _ in range(12)), 30))
    assert len(lengths) >= 12 and max(lengths) <= 60 * SAMPLE_RATE
    assert windows[-1].end_seconds == pytest.approx(6 * 60, abs=3)


def test_speech_without_a_pause_is_cut_where_it_is_quiet(monkeypatch):
    """With a detector that finds speech everywhere, the cuts are at the quietest places, and nothing is lost."""
    monkeypatch.setattr("kikitori.audio.pieces.find_speech", lambda held: [Span(0, len(held))])
    waveform = np.tile(CALL, 5)
    windows = list(cut_windows(blocks(waveform), 20))
    np.testing.assert_array_equal(np.concatenate([w.waveform for w in windows]), waveform)
    level = np.sqrt(np.mean(waveform**2))
    for window in windows[:-1]:
        end = window.pieces[-1].start + len(window.pieces[-1].waveform)
        assert np.sqrt(np.mean(waveform[end - 400 : end + 400] ** 2)) < level / 3


@pytest.mark.slow
@pytest.mark.parametrize("seconds_before_the_edge", [0.02, 0.05, 0.08, 0.1, 0.13, 0.4])
def test_a_word_at_the_edge_of_a_silent_stretch_keeps_its_beginning(monkeypatch, seconds_before_the_edge):
    """A stretch without speech that the detector can find, because the word began just before its end."""
    monkeypatch.setattr("kikitori.audio.pieces.STRETCH_SECONDS", 10.0)
    call = load_audio(example("portuguese_daily").path)
    edge = 10 * SAMPLE_RATE
    onset = edge - round(seconds_before_the_edge * SAMPLE_RATE)
    quiet = silence(10)[: onset - find_speech(call)[0].start]
    sound = np.concatenate([quiet, call])
    window = next(iter(cut_windows([sound[:edge], sound[edge:]], 30)))
    piece = window.pieces[0]
    assert piece.start + piece.speech.start == pytest.approx(onset, abs=0.05 * SAMPLE_RATE)
    assert (onset - piece.start) / SAMPLE_RATE >= 0.3


# Cuts in unbroken speech


def places_of_qwen_asr(waveform: np.ndarray, seconds: float, search_seconds: float) -> list[int]:
    from qwen_asr.inference.utils import split_audio_into_chunks

    chunks = split_audio_into_chunks(waveform, SAMPLE_RATE, seconds, search_seconds)
    return [round(offset * SAMPLE_RATE) for _, offset in chunks[1:]]


@pytest.mark.parametrize(("seconds", "search_seconds"), [(20, 5), (2.5, 0.625), (1.3333, 0.3), (0.7, 0.04)])
def test_cuts_in_recordings_are_those_of_qwen_asr(seconds, search_seconds):
    joined = np.concatenate([load_audio(recording.path) for recording in recordings_in(EXAMPLES)])
    joined = joined[: round(4.5 * seconds * SAMPLE_RATE)]
    places = list(_quiet_places(joined, seconds, search_seconds))
    assert len(places) >= 2
    assert places == places_of_qwen_asr(joined, seconds, search_seconds)


@settings(max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 2 * SAMPLE_RATE),
    st.floats(0.2, 1),
    st.floats(0, 0.3, allow_subnormal=False),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_cuts_in_random_sound_are_those_of_qwen_asr(seed, samples, seconds, search_seconds, level):
    sound = np.random.default_rng(seed).normal(0, level, samples).astype(np.float32)
    places = list(_quiet_places(sound, seconds, search_seconds))
    assert places == places_of_qwen_asr(sound, seconds, search_seconds)


@pytest.mark.slow
def test_halves_hold_everything_and_meet_in_a_pause():
    (window,) = cut_windows(blocks(np.concatenate([CALL, silence(0.8), CALL])), 60)
    one, two = halves(window, overlap=False)
    np.testing.assert_array_equal(np.concatenate([one.waveform, two.waveform]), window.waveform)
    assert min(one.samples, two.samples) > window.samples / 4
    one, two = halves(window, overlap=True)
    assert two.overlap_seconds(one) > 0


def test_one_piece_is_halved_at_its_quietest_place():
    piece = Piece(0, CALL, Span(0, len(CALL)), 0)
    one, two = halves(Window((piece,)), overlap=False)
    np.testing.assert_array_equal(np.concatenate([one.waveform, two.waveform]), CALL)


@pytest.mark.slow
def test_windows_of_two_channels_are_in_order_of_time():
    """The left channel speaks, then the right one, then the left again."""
    quiet = silence(len(CALL) / SAMPLE_RATE)
    left = np.concatenate([CALL, quiet, CALL])
    right = np.concatenate([quiet, CALL, quiet])
    windows = list(cut_channels(blocks(np.stack([left, right], axis=1)), 30))
    assert [window.channel for window in windows] == [0, 1, 0]
    starts = [n * len(CALL) / SAMPLE_RATE for n in range(3)]
    assert [window.start_seconds for window in windows] == pytest.approx(starts, abs=0.7)
