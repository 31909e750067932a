"""Turns and subtitles get their times from words, windows and the speed of reading."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kikitori.errors import SpeechError
from kikitori.output.subtitles import make_subtitles, timed_turns
from kikitori.timing import is_estimated
from kikitori.transcript import Turn
from tests.support.subtitles import aligned, lines_of, spoken, times, transcript, window

# Times of turns


def test_turns_of_a_window_divide_its_time_by_their_characters():
    turns = (window("あいう", 10, 20, "spk_0"), window("え", 10, 20, "spk_1"), window("おかきくけこ", 10, 20, "spk_0"))
    assert timed_turns(transcript(*turns)) == (
        Turn("spk_0", "あいう", 10, 13, "estimated"),
        Turn("spk_1", "え", 13, 14, "estimated"),
        Turn("spk_0", "おかきくけこ", 14, 20, "estimated"),
    )


def test_overlapping_windows_end_and_begin_in_the_middle_of_the_overlap():
    turns = (window("あ", 0, 10), window("い", 0, 10), window("う", 9, 20), window("え", 20, 30))
    spans = [(turn.start_seconds, turn.end_seconds) for turn in timed_turns(transcript(*turns))]
    assert spans == [(0, 4.75), (4.75, 9.5), (9.5, 20), (20, 30)]


def test_a_window_inside_another_gets_half_of_its_time():
    turns = (window("あ", 0, 10), window("い", 2, 6), window("う", 12, 14))
    spans = [(turn.start_seconds, turn.end_seconds) for turn in timed_turns(transcript(*turns))]
    assert spans == [(0, 4), (4, 6), (12, 14)]


def test_aligned_turns_stay_as_they_are():
    turns = (aligned("あ", 1, 5, "spk_0"), aligned("い", 2, 3, "spk_1"), aligned("う", 2, 3, "spk_0"))
    others = window("え", 2, 9), Turn(None, "お", 2, 9, "estimated")
    assert timed_turns(transcript(*turns, *others)) == (*turns, replace(others[0], timing="estimated"), others[1])


@pytest.mark.parametrize("function", [timed_turns, make_subtitles])
def test_turns_without_times_are_an_error(function):
    sentence = "call.wav has turns without times, and srt, vtt, tsv and rttm need them: choose txt or json"
    with pytest.raises(SpeechError, match=f"^{re.escape(sentence)}$"):
        function(transcript(aligned("あ", 1, 5), Turn("spk_0", "い")))


def test_times_of_windows_are_estimates():
    turns = aligned("あ", 0, 1), window("い", 1, 2)
    assert is_estimated(turns) and is_estimated(timed_turns(transcript(*turns)))
    assert not is_estimated(turns[:1]) and not is_estimated(())


def test_estimated_times_are_not_estimated_again():
    timed = timed_turns(transcript(window("あ", 0, 10), window("い", 0, 10), window("う", 9, 20)))
    assert timed_turns(transcript(*timed)) == timed


# When subtitles are shown


def test_a_subtitle_has_the_times_of_its_words():
    turn = spoken(("Yes.", 1, 1.5), (" I see", 4, 5), (" it.", 5, 6.25), (" So", 12, 12.5), (" what?", 12.5, 13))
    subtitles = make_subtitles(transcript(turn, language="English"), max_line_width=10)
    assert [(subtitle.lines, *span) for subtitle, span in zip(subtitles, times(subtitles), strict=True)] == [
        (("Yes.", "I see it."), 1, 6.25),
        (("So what?",), 12, 13),
    ]


def test_time_passes_evenly_inside_a_word():
    (one, two) = make_subtitles(transcript(spoken(("いろはに", 1, 3), ("ほへとち", 5, 7))), 2, 1)[:2]
    assert (one.lines, two.lines) == (("いろ",), ("はに",))
    assert times([one, two]) == [(1, 2), (2, 3)]


def test_the_first_subtitle_may_be_one_character():
    turn = spoken(("え", 1, 2), ("だめ", 4, 5))
    assert times(make_subtitles(transcript(turn), 2, 1)) == [(1, 2), (4, 5)]


def test_words_whose_times_run_backward_do_not_move_subtitles_backward():
    turn = spoken(("いろ。", 5, 6), ("はに。", 1, 2), ("ほへ。", 6, 7))
    assert times(make_subtitles(transcript(turn), 3, 1)) == [(5, 5.833), (5.833, 6.166), (6.166, 7)]


def test_long_speech_is_cut_between_words_even_if_its_text_fits():
    text = "one two three four five six seven eight"
    assert lines_of(text, "English", 7) == [(text,)]
    assert lines_of(text, "English", 14) == [("one two three four",), ("five six seven eight",)]
    assert lines_of("Well then", "English", 13) == [("Well",), ("then",)]
    phrase = "東京都議会議員選挙"
    assert lines_of(phrase, "Japanese", 14) == [(phrase,)]
    assert lines_of(phrase, "Japanese", 14, max_line_width=8) == [("東京都議会", "議員選挙")]


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ((("Oh my god.", 0, 3), (" Too late.", 3, 7.5), (" Come on, we must go.", 7.5, 9.9)), 1),
        ((("We were much too late.", 0, 3), (" Come on.", 3, 6.2), (" Let's go.", 6.2, 9.9)), 1),
        ((("Oh my god.", 0, 2), (" Too late.", 2, 6.9), (" Come on, we must go.", 6.9, 9.9)), 2),
    ],
    ids=["half a second too long", "none too long", "none too long, of similar lengths"],
)
def test_of_two_cuts_that_make_speech_short_enough_the_more_even_one_is_taken(words, lines):
    """All of it is too long for one subtitle. lines: how many sentences the first subtitle has."""
    made = make_subtitles(transcript(spoken(*words), language="English"))
    assert [subtitle.lines[0] for subtitle in made] == [
        "".join(word for word, *_ in words[:lines]),
        "".join(word for word, *_ in words[lines:]).strip(),
    ]


def test_a_subtitle_never_stays_longer_than_seven_seconds():
    assert times(make_subtitles(transcript(aligned("はい。", 3, 60)))) == [(3, 10)]


def test_a_short_subtitle_stays_until_it_can_be_read():
    assert times(make_subtitles(transcript(aligned("はい", 3, 3.1)))) == [(3, 3.833)]
    assert times(make_subtitles(transcript(aligned("あいうえおかきくけこさし", 3, 3.5)))) == [
        (3, 5)
    ]  # 12 at 6 a second
    english = transcript(aligned("a" * 34, 3, 3.5), language="English")
    assert times(make_subtitles(english)) == [(3, 5)]  # 34 at 17 a second


def test_reading_time_ends_with_the_next_subtitle_and_with_the_recording():
    turns = aligned("あいうえおかきくけこさし", 3, 3.5), aligned("あいうえおかきくけこさし", 4, 4.5)
    assert times(make_subtitles(transcript(*turns, duration=5.25))) == [(3, 4), (4, 5.25)]
    assert times(make_subtitles(transcript(*turns, duration=4.25))) == [(3, 4), (4, 4.5)]


def test_if_two_speak_at_once_the_earlier_subtitle_ends():
    turns = aligned("もしもし、聞こえますか", 0, 5, "spk_0"), aligned("はい", 2, 3, "spk_1")
    subtitles = make_subtitles(transcript(*turns))
    assert times(subtitles) == [(0, 2), (2, 3)]
    assert [subtitle.speaker for subtitle in subtitles] == ["spk_0", "spk_1"]


def test_a_subtitle_waits_until_the_one_before_it_could_be_seen():
    turns = aligned("もしもし", 0, 5, "spk_0"), aligned("はい", 0.2, 0.6, "spk_1"), aligned("ええ", 0.9, 1, "spk_0")
    assert times(make_subtitles(transcript(*turns))) == [(0, 0.833), (0.833, 1.233), (1.233, 2.066)]


def test_a_short_turn_comes_between_the_subtitles_of_a_long_one():
    turns = aligned("いろは。にほへ。", 0, 8, "spk_0"), aligned("はい。", 2, 3, "spk_1")
    subtitles = make_subtitles(transcript(*turns), 4, 1)
    assert [subtitle.lines for subtitle in subtitles] == [("いろは。",), ("はい。",), ("にほへ。",)]
    assert times(subtitles) == [(0, 2), (2, 3), (4, 8)]


def test_turns_of_no_duration_follow_each_other():
    turns = [aligned("はい", 1, 1), aligned("ええ", 1, 1), aligned("うん", 1, 1)]
    assert times(make_subtitles(transcript(*turns))) == [(1, 1.001), (1.001, 1.002), (1.002, 1.835)]


def test_the_time_of_a_window_is_divided_among_subtitles_too():
    turns = window("いろはに。ほへと。", 10, 19, "spk_0"), window("ちりぬるを。", 10, 19, "spk_1")
    subtitles = make_subtitles(transcript(*turns), 6, 1)
    assert [
        (subtitle.speaker, subtitle.lines, subtitle.start_seconds, subtitle.end_seconds) for subtitle in subtitles
    ] == [
        ("spk_0", ("いろはに。",), 10, 13),
        ("spk_0", ("ほへと。",), 13, 15.4),
        ("spk_1", ("ちりぬるを。",), 15.4, 19),
    ]
