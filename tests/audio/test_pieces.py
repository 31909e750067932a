"""The exact places of pieces, with a detector that finds speech where there is sound at all."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import Piece, _split_long, voiced_pieces
from kikitori.audio.vad import Span
from kikitori.audio.windows import cut_channels
from tests.support.waveforms import blocks, sound


@pytest.fixture
def loud_is_speech(monkeypatch):
    """Speech is what is not zero. Returns the lengths that were searched, in seconds."""
    searched = []

    def find(held: np.ndarray) -> list[Span]:
        searched.append(len(held) / SAMPLE_RATE)
        borders = np.flatnonzero(np.diff(held != 0, prepend=False, append=False))
        return [Span(int(start), int(end)) for start, end in borders.reshape(-1, 2)]

    monkeypatch.setattr("kikitori.audio.pieces.find_speech", find)
    monkeypatch.setattr("kikitori.audio.pieces.STRETCH_SECONDS", 10.0)
    return searched


def places(waveform: np.ndarray, max_seconds: float = 8.0) -> list[tuple[float, float, float, float, float]]:
    """Start and end of each piece, start and end of its speech, and the pause before it; in seconds."""
    found = []
    for piece in voiced_pieces(np.split(waveform, range(SAMPLE_RATE, len(waveform), SAMPLE_RATE)), max_seconds):
        end = piece.start + len(piece.waveform)
        np.testing.assert_array_equal(piece.waveform, waveform[piece.start : end])
        samples = (piece.start, end, piece.start + piece.speech.start, piece.start + piece.speech.end, piece.pause)
        found.append(tuple(round(number / SAMPLE_RATE, 4) for number in samples))
    return found


def test_half_a_second_of_quiet_is_kept_and_a_short_pause_is_divided(loud_is_speech):
    assert places(sound(3, 2, 0.4, 1, 2)) == [(2.5, 5.2, 3, 5, 3), (5.2, 6.9, 5.4, 6.4, 0.4)]
    assert places(sound(0.3, 2, 0.2)) == [(0, 2.5, 0.3, 2.3, 0.3)]


def test_a_pause_at_a_stretchs_end_is_kept_for_the_speech_after_it(loud_is_speech):
    assert places(sound(2, 6, 2, 2, 1)) == [(1.5, 8.5, 2, 8, 2), (9.5, 12.5, 10, 12, 2)]
    assert places(sound(10, 2, 1)) == [(9.5, 12.5, 10, 12, 10)]


def test_a_pause_too_short_to_end_a_piece_is_searched_again(loud_is_speech):
    """In the second stretch the speech may turn out to go on."""
    assert places(sound(2, 7, 1)) == [(1.5, 9.5, 2, 9, 2)]
    assert places(sound(2, 7.1, 1.2, 1, 1), 9) == [(1.5, 9.6, 2, 9.1, 2), (9.8, 11.8, 10.3, 11.3, 1.2)]
    # From the middle of the last pause before it; the second stretch is then longer by what was held back.
    loud_is_speech.clear()
    places(sound(1, 3, 2, 3.5, 3, 1))
    assert loud_is_speech == [10, 8.5]


def test_unbroken_speech_at_a_stretchs_end_is_held_back(loud_is_speech):
    assert places(sound(1, 3, 2, 5, 3)) == [(0.5, 4.5, 1, 4, 1), (5.5, 11.5, 6, 11, 2)]
    assert places(sound(6, 5, 3)) == [(5.5, 11.5, 6, 11, 6)]
    assert places(sound(3, 7, 3)) == [(2.5, 10.5, 3, 10, 3)]  # as long as a piece may be


def test_speech_longer_than_a_piece_is_not_held_back_but_cut_where_it_is_quiet(loud_is_speech):
    waveform = sound(0, 25)
    waveform[round(4.5 * SAMPLE_RATE) : round(4.7 * SAMPLE_RATE)] = 0.01
    first, *others = places(waveform, 8)
    assert 4.5 <= first[1] <= 4.7
    ends = [first[1], *(place[1] for place in others)]
    assert [place[0] for place in others] == ends[:-1] and ends[-1] == 25
    assert max(loud_is_speech) <= 20
    assert [place[4] for place in others] == [0] * len(others)  # a cut is no pause


def test_speech_longer_than_a_piece_is_cut_behind_other_speech(loud_is_speech):
    waveform = sound(1, 1, 1, 20)
    waveform[round(6.5 * SAMPLE_RATE) : round(6.7 * SAMPLE_RATE)] = 0.01
    first, second, *_ = places(waveform, 6)
    assert first == (0.5, 2.5, 1, 2, 1)
    assert 6.5 <= second[1] <= 6.7


@pytest.mark.parametrize(
    ("max_seconds", "quiet_at", "quieter_at"), [(8, 4.1, 3.9), (8, 7.9, 8.1), (24, 14.1, 13.9), (24, 23.9, 24.1)]
)
def test_a_long_piece_is_cut_up_to_ten_seconds_before_its_limit(max_seconds, quiet_at, quieter_at):
    """Half of the limit if that is less. What is quieter outside of that does not count."""
    waveform = sound(0, 30)
    for seconds, level in ((quiet_at, 0.01), (quieter_at, 0.001)):
        waveform[round((seconds - 0.05) * SAMPLE_RATE) : round((seconds + 0.05) * SAMPLE_RATE)] = level
    first, *_ = _split_long(Piece(0, waveform, Span(0, len(waveform)), 0), max_seconds)
    assert len(first.waveform) / SAMPLE_RATE == pytest.approx(quiet_at, abs=0.06)


def test_the_last_sample_of_a_recording_is_in_a_piece(loud_is_speech):
    assert places(sound(8, 2)) == [(7.5, 10, 8, 10, 8)]
    assert places(sound(1, 1, 9, 0.5)) == [(0.5, 2.5, 1, 2, 1), (10.5, 11.5, 11, 11.5, 9)]


def test_each_channel_is_cut_by_itself_and_windows_change_with_the_speaker(loud_is_speech):
    left, right = sound(1, 2, 3, 2, 4), sound(4, 1, 4, 2, 1)
    windows = list(cut_channels(blocks(np.stack([left, right], axis=1)), 30))
    assert [(window.channel, window.start_seconds, window.end_seconds) for window in windows] == [
        (0, 1.0, 3.0),
        (1, 4.0, 5.0),
        (0, 6.0, 8.0),
        (1, 9.0, 11.0),
    ]


def test_windows_of_a_channel_do_not_overlap(loud_is_speech):
    left = sound(1, 1, 0.6, 1, 0.6, 1, 0.6, 1, 2)
    windows = list(cut_channels([np.stack([left, np.zeros_like(left)], axis=1)], 4))
    assert [(window.start_seconds, window.end_seconds) for window in windows] == [(1, 3.6), (4.2, 6.8)]
