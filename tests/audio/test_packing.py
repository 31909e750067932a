"""Which pieces are in a window, and where a window is halved."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import Piece
from kikitori.audio.recutting import bridge, halves
from kikitori.audio.vad import Span
from kikitori.audio.windows import Window, pack_pieces
from tests.support.waveforms import sound


def row(*lengths: float, pauses: tuple[int, ...] = ()) -> list[Piece]:
    """Consecutive pieces of these lengths in seconds. The sound of each piece is its number."""
    pieces, start = [], 0
    for number, (length, pause) in enumerate(itertools.zip_longest(lengths, pauses, fillvalue=0)):
        samples = round(length * SAMPLE_RATE)
        pieces.append(Piece(start, np.full(samples, number / 100, np.float32), Span(0, samples), pause))
        start += samples
    return pieces


def numbers(window: Window) -> list[int]:
    return [round(float(piece.waveform[0]) * 100) for piece in window.pieces]


def packed(*lengths: float, limit: float, overlap: float = 0.0, pauses: tuple[int, ...] = ()) -> list[list[int]]:
    return [numbers(window) for window in pack_pieces(row(*lengths, pauses=pauses), limit, overlap)]


def test_a_window_is_filled_to_its_limit_and_no_further():
    assert packed(2, 2, 2, limit=6) == [[0, 1, 2]]
    assert packed(2, 2, 2, limit=5.99) == [[0, 1], [2]]


def test_a_window_ends_before_its_longest_pause_and_at_the_last_of_equal_ones():
    assert packed(*[1] * 7, limit=6, pauses=(0, 9, 9, 2, 7, 7, 1)) == [[0, 1, 2, 3, 4], [5, 6]]
    assert packed(3, 1, 1.5, limit=5, pauses=(0, 9, 1)) == [[0], [1, 2]]
    assert packed(2, 2, 4, limit=7, pauses=(0, 9, 1)) == [[0, 1], [2]]  # the first is only a quarter of all three
    # A place exactly in the middle belongs to the second half.
    assert packed(*[1] * 6, limit=5, pauses=(0, 9, 9, 8, 1, 1)) == [[0, 1, 2], [3, 4, 5]]


def test_an_overlap_has_the_wanted_length_or_more_but_at_most_half_a_window():
    assert packed(*[1] * 9, limit=6, overlap=2) == [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7, 8]]
    assert packed(*[1] * 9, limit=6, overlap=2.01) == [[0, 1, 2, 3, 4, 5], [3, 4, 5, 6, 7, 8]]
    assert packed(*[1] * 8, limit=4, overlap=9) == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]


def test_no_window_begins_with_a_scrap_that_the_window_before_has():
    assert packed(*[1] * 4, 0.4, 1, 1, 1, limit=6, overlap=1.2) == [[0, 1, 2, 3, 4, 5], [5, 6, 7]]
    assert packed(*[1] * 4, 0.5, 1, 1, 1, limit=6, overlap=1.2) == [[0, 1, 2, 3, 4, 5], [4, 5, 6, 7]]
    assert packed(0.4, 1, 1, limit=6, overlap=1) == [[0, 1, 2]]
    assert halved(1, 1, 1, 0.4, 1, 1, 1, pauses=(0, 0, 0, 0, 9), overlap=True) == [[0, 1, 2, 3], [2, 3, 4, 5, 6]]
    assert halved(1, 0.4, 0.4, 1, 1, pauses=(0, 0, 0, 9), overlap=True) == [[0, 1, 2], [3, 4]]


def test_a_piece_too_long_for_an_overlap_is_taken_without_all_of_it():
    assert packed(2, 2, 5, limit=6, overlap=2) == [[0, 1], [2]]
    assert packed(1, 1, 1, 1, 4.5, limit=6, overlap=2) == [[0, 1, 2, 3], [3, 4]]
    assert packed(3, 3, 4, 3, limit=6, overlap=3, pauses=(9, 1, 9, 1)) == [[0, 1], [2], [3]]


def test_a_window_over_a_seam_has_as_much_of_both_and_is_no_longer_than_a_window_may_be():
    def bridged(lengths: tuple[float, ...], first: slice, second: slice, seconds: float) -> list[int]:
        pieces = row(*lengths)
        return numbers(bridge(Window(tuple(pieces[first])), Window(tuple(pieces[second])), seconds))

    assert bridged((1,) * 7, slice(0, 4), slice(3, 7), 4) == [2, 3, 4, 5]
    assert bridged((2, 2, 2, 1, 1, 1), slice(0, 4), slice(3, 6), 7) == [1, 2, 3, 4, 5]
    assert bridged((2, 2.1, 2, 1, 1, 1), slice(1, 4), slice(3, 6), 5.1) == [2, 3, 4, 5]
    assert bridged((1, 1, 1, 1, 2, 3), slice(1, 4), slice(3, 6), 6) == [3, 4, 5]
    assert bridged((0.2, 0.3, 1.3, 1.2), slice(0, 2), slice(2, 4), 2.5) == [0, 1, 2]
    assert bridged((1,) * 3, slice(0, 2), slice(1, 3), 2) == [1, 2]
    assert bridged((1,) * 7, slice(0, 4), slice(3, 7), 60) == [0, 1, 2, 3, 4, 5, 6]


def halved(*lengths: float, pauses: tuple[int, ...] = (), overlap: bool = False) -> list[list[int]]:
    return [numbers(window) for window in halves(Window(tuple(row(*lengths, pauses=pauses))), overlap)]


def test_halves_meet_at_the_longest_pause_between_a_quarter_and_three_quarters():
    assert halved(1, 1, 1, 1, pauses=(0, 5, 1, 1)) == [[0], [1, 2, 3]]
    assert halved(1, 1, 1, 1, pauses=(0, 1, 1, 5)) == [[0, 1, 2], [3]]
    assert halved(0.9, 1, 1.1, 1, pauses=(0, 5, 1, 2)) == [[0, 1, 2], [3]]
    assert halved(1, 1, 1.1, 0.9, pauses=(0, 2, 1, 5)) == [[0], [1, 2, 3]]


def test_of_equally_long_pauses_halves_meet_nearest_to_the_middle():
    """The pieces of unbroken speech have none between them."""
    assert halved(1, 1, 1, 1, 1, 1) == [[0, 1, 2], [3, 4, 5]]


def test_without_a_place_in_the_middle_halves_meet_nearest_to_it():
    assert halved(0.1, 0.1, 5, 0.1) == [[0, 1], [2, 3]]
    assert halved(0.1, 5, 0.1, 0.1) == [[0, 1], [2, 3]]


def test_the_second_half_begins_with_the_last_piece_of_the_first_if_that_has_more():
    assert halved(1, 1, 1, 1, pauses=(0, 1, 5, 1), overlap=True) == [[0, 1], [1, 2, 3]]
    assert halved(2, 1, 1, pauses=(0, 5, 1), overlap=True) == [[0], [1, 2]]


def test_a_single_piece_is_halved_within_an_eighth_of_its_middle():
    waveform = sound(0, 4)
    for seconds, level in ((2.47, 0.01), (2.52, 0.001), (1.46, 0.001)):
        waveform[round(seconds * SAMPLE_RATE) :][: round(0.02 * SAMPLE_RATE)] = level
    one, two = halves(Window((Piece(0, waveform, Span(0, len(waveform)), 0),)), overlap=False)
    assert one.end_seconds == two.start_seconds == pytest.approx(2.48, abs=0.011)


def test_a_single_piece_that_is_too_short_is_not_halved():
    assert halves(Window((Piece(0, np.full(1, 0.1, np.float32), Span(0, 1), 0),)), overlap=False) is None


def test_times_of_a_window_are_times_of_the_recording_where_a_pause_is_left_out():
    one, two, three = row(2, 3, 1)
    later = [replace(piece, start=piece.start + 5 * SAMPLE_RATE) for piece in (two, three)]
    window = Window((one, *later), channel=1)
    times = [(0, 0), (1, 1), (1.5, 1.5), (2, 7), (3, 8), (5, 10), (5.5, 10.5), (6, 11)]
    assert [(time, window.to_recording(time)) for time, _ in times] == times
    assert window.to_recording(2, is_end=True) == 2
    assert (window.speech_seconds, window.start_seconds, window.end_seconds) == (6, 0, 11)
    assert window.overlap_seconds(None) == window.overlap_seconds(Window((one,))) == 0
    assert window.overlap_seconds(Window((one,), channel=1)) == 2
    assert window.overlap_seconds(Window((one, later[0]), channel=1)) == 5


def test_the_quiet_around_speech_is_no_speech():
    quiet_around = Piece(SAMPLE_RATE, np.zeros(3 * SAMPLE_RATE, np.float32), Span(SAMPLE_RATE, 2 * SAMPLE_RATE), 0)
    window = Window((quiet_around,))
    assert (window.speech_seconds, window.start_seconds, window.end_seconds) == (1, 2, 3)


@st.composite
def piece_rows(draw):
    rows, start = [], 0
    for length, pause in draw(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 50)), min_size=1, max_size=30)):
        start += pause
        rows.append(Piece(start, np.full(length * 160, 0.1, np.float32), Span(0, length * 160), pause))
        start += length * 160
    return rows


@settings(max_examples=200)
@given(piece_rows(), st.integers(100, 400), st.integers(0, 100))
def test_pieces_are_packed_in_order_and_none_is_lost(rows, limit, overlap):
    windows = list(pack_pieces(rows, limit / 100, overlap / 100))
    assert all(window.samples <= limit * 160 for window in windows)
    starts = [piece.start for window in windows for piece in window.pieces]
    assert sorted(set(starts)) == sorted({piece.start for piece in rows})
    for one, two in itertools.pairwise(windows):
        assert two.pieces[-1].start > one.pieces[-1].start  # every window has a new piece
        assert two.overlap_seconds(one) * 2 <= one.samples / SAMPLE_RATE


def test_a_full_window_is_cut_at_the_longest_pause_of_its_second_half():
    lengths, pauses = [5, 5, 5, 5, 5, 5, 5], [0, 9, 1, 2, 8, 1, 3]
    rows = [
        Piece(n * 100000, np.zeros(s * SAMPLE_RATE, np.float32), Span(0, s * SAMPLE_RATE), pause)
        for n, (s, pause) in enumerate(zip(lengths, pauses, strict=True))
    ]
    windows = list(pack_pieces(rows, 30, 0))
    assert [len(window.pieces) for window in windows] == [4, 3]
