"""Where a stretch ends, without a detector."""

from __future__ import annotations

import numpy as np
import pytest

from kikitori.audio.vad import Span
from kikitori.live.cutting import COMMIT_SECONDS, MAX_SECONDS, find_cut

RATE = 16000


def cut(spans: list[tuple[float, float]], seconds: float, covered: float = 0, quiet: float | None = None):
    """The end of a stretch with speech between these seconds, in seconds. quiet: where nobody is loud."""
    waveform = np.ones(round(seconds * RATE), np.float32)
    if quiet is not None:
        waveform[round(quiet * RATE) : round((quiet + 0.1) * RATE)] = 0
    found = find_cut(
        [Span(round(start * RATE), round(end * RATE)) for start, end in spans], waveform, round(covered * RATE)
    )
    return None if found is None else found / RATE


@pytest.mark.parametrize(("seconds", "end"), [(2.0, None), (2.5, None), (2.7, 2.35), (4.0, 2.5)])
def test_a_pause_ends_a_stretch(seconds, end):
    assert cut([(0.5, 2.0)], seconds) == (end and pytest.approx(end))


@pytest.mark.parametrize(("start", "needed"), [(2.0, 0.6), (7.0, 0.4), (10.0, 0.2)])
def test_the_longer_a_stretch_the_shorter_the_pause_that_ends_it(start, needed):
    assert cut([(0, start)], start + needed - 0.05) is None
    assert cut([(0, start)], start + needed + 0.05) == pytest.approx(start + (needed + 0.05) / 2)


def test_the_first_pause_of_several_ends_it():
    assert cut([(0, 2), (3, 4)], 5) == 2.5
    assert cut([(0, 2), (2.2, 4)], 5) == 4.5, "the first one is too short"


def test_no_cut_comes_before_a_firm_word():
    assert cut([(0, 2), (3, 4)], 4, covered=2.4) == 2.5
    assert cut([(0, 2), (3, 4)], 4, covered=2.6) is None


def test_without_speech_there_is_nothing_to_end():
    assert cut([], 14) is None


def test_unbroken_speech_is_cut_where_it_is_quietest_and_no_word_is_firm():
    assert cut([(0, 14.9)], 14.9) is None
    end = cut([(0, MAX_SECONDS)], MAX_SECONDS, covered=11, quiet=13)
    assert 13 <= end <= 13.1
    assert cut([(0, 20)], 20, covered=11, quiet=16) <= MAX_SECONDS
    assert cut([(0, MAX_SECONDS)], MAX_SECONDS, covered=11, quiet=5) >= COMMIT_SECONDS


def test_unbroken_speech_is_cut_in_a_short_pause_rather_than_where_it_is_quietest():
    assert cut([(0, 12.5), (12.6, 13), (13.15, 15)], 15, quiet=14) == pytest.approx(13.075)
