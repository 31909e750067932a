"""Windows: none is too long, all speech is in one of them, cuts are in pauses, long silence is left out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.files import load_audio
from kikitori.audio.vad import Span, find_speech, speech_probabilities
from kikitori.audio.windows import (
    Piece,
    Window,
    _quiet_places,
    _split_long,
    bridge,
    cut_channels,
    cut_windows,
    halves,
    pack_pieces,
    voiced_pieces,
)
from tests.support.recordings import EXAMPLES, example, recordings_in

CALL = load_audio(example("call_appointment").path)
"""Speech from start to end, nearly."""


def silence(seconds: float) -> np.ndarray:
    """The noise of an open line, about 60 dB below speech."""
    return np.random.default_rng(0).normal(0, 1e-4, round(seconds * SAMPLE_RATE)).astype(np.float32)


def blocks(waveform: np.ndarray, samples: int = 65537):
    return [waveform[start : start + samples] for start in range(0, len(waveform), samples)]


def voice(waveform: np.ndarray) -> np.ndarray:
    """Return a mask of the samples that are speech."""
    marked = np.zeros(len(waveform), bool)
    for span in find_speech(waveform):
        marked[span.start : span.end] = True
    return marked


# The exact places, with a detector that finds speech where there is sound at all


@pytest.fixture
def loud_is_speech(monkeypatch):
    """Speech is what is not zero. Returns the lengths that were searched, in seconds."""
    searched = []

    def find(held: np.ndarray) -> list[Span]:
        searched.append(len(held) / SAMPLE_RATE)
        borders = np.flatnonzero(np.diff(held != 0, prepend=False, append=False))
        return [Span(int(start), int(end)) for start, end in borders.reshape(-1, 2)]

    monkeypatch.setattr("kikitori.audio.windows.find_speech", find)
    monkeypatch.setattr("kikitori.audio.windows.STRETCH_SECONDS", 10.0)
    return searched


def sound(*seconds: float) -> np.ndarray:
    """Quiet and speech by turns, quiet first."""
    parts = [np.full(round(length * SAMPLE_RATE), 0.1 * (n % 2), np.float32) for n, length in enumerate(seconds)]
    return np.concatenate(parts)


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


def test_a_piece_too_long_for_an_overlap_is_taken_without_all_of_it():
    assert packed(2, 2, 5, limit=6, overlap=2) == [[0, 1], [2]]
    assert packed(1, 1, 1, 1, 4.5, limit=6, overlap=2) == [[0, 1, 2, 3], [3, 4]]
    assert packed(3, 3, 4, 3, limit=6, overlap=3, pauses=(9, 1, 9, 1)) == [[0, 1], [2], [3]]


def test_a_window_over_a_seam_has_as_much_of_both_and_is_no_longer():
    pieces = row(*[1] * 7)
    assert numbers(bridge(Window(tuple(pieces[:4])), Window(tuple(pieces[3:])))) == [2, 3, 4, 5]
    uneven = row(2, 2, 2, 1, 1, 1)
    assert numbers(bridge(Window(tuple(uneven[:4])), Window(tuple(uneven[3:])))) == [1, 2, 3, 4, 5]
    longer = row(2, 2.1, 2, 1, 1, 1)
    assert numbers(bridge(Window(tuple(longer[1:4])), Window(tuple(longer[3:])))) == [2, 3, 4, 5]
    fitting = row(1, 1, 1, 1, 2, 3)
    assert numbers(bridge(Window(tuple(fitting[1:4])), Window(tuple(fitting[3:])))) == [3, 4, 5]
    apart = row(0.2, 0.3, 1.3, 1.2)
    assert numbers(bridge(Window(tuple(apart[:2])), Window(tuple(apart[2:])))) == [0, 1, 2]
    short = row(1, 1, 1)
    assert numbers(bridge(Window(tuple(short[:2])), Window(tuple(short[1:])))) == [1, 2]


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
    monkeypatch.setattr("kikitori.audio.windows.STRETCH_SECONDS", 30.0)
    lengths = []

    def counted(held: np.ndarray) -> list[Span]:
        lengths.append(len(held))
        return find_speech(held)

    monkeypatch.setattr("kikitori.audio.windows.find_speech", counted)
    half_a_minute = np.concatenate([np.tile(CALL, 2), silence(2)])[: 30 * SAMPLE_RATE]
    windows = list(cut_windows((half_a_minute for _ in range(12)), 30))
    assert len(lengths) >= 12 and max(lengths) <= 60 * SAMPLE_RATE
    assert windows[-1].end_seconds == pytest.approx(6 * 60, abs=3)


def test_speech_without_a_pause_is_cut_where_it_is_quiet(monkeypatch):
    """With a detector that finds speech everywhere, the cuts are at the quietest places, and nothing is lost."""
    monkeypatch.setattr("kikitori.audio.windows.find_speech", lambda held: [Span(0, len(held))])
    waveform = np.tile(CALL, 5)
    windows = list(cut_windows(blocks(waveform), 20))
    np.testing.assert_array_equal(np.concatenate([w.waveform for w in windows]), waveform)
    level = np.sqrt(np.mean(waveform**2))
    for window in windows[:-1]:
        end = window.pieces[-1].start + len(window.pieces[-1].waveform)
        assert np.sqrt(np.mean(waveform[end - 400 : end + 400] ** 2)) < level / 3


@pytest.mark.parametrize("seconds_before_the_edge", [0.02, 0.05, 0.08, 0.1, 0.13, 0.4])
def test_a_word_at_the_edge_of_a_silent_stretch_keeps_its_beginning(monkeypatch, seconds_before_the_edge):
    """A stretch without speech that the detector can find, because the word began just before its end."""
    monkeypatch.setattr("kikitori.audio.windows.STRETCH_SECONDS", 10.0)
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


@settings(max_examples=25, deadline=None)
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
