"""Subtitles lose no text, never overlap, and are cut where a reader would cut them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from itertools import accumulate, pairwise

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.errors import SpeechError
from kikitori.output import subtitles
from kikitori.output.subtitles import Subtitle, make_subtitles, timed_turns
from kikitori.timing import is_estimated
from kikitori.transcript import Transcript, Turn, Word


def transcript(*turns: Turn, language: str = "Japanese", duration: float = 1000.0) -> Transcript:
    return Transcript("call.wav", turns, "diarize", language, "someone/checkpoint", duration, "raw")


def aligned(text: str, start: float, end: float, speaker: str | None = None) -> Turn:
    return Turn(speaker, text, start, end, "aligned")


def window(text: str, start: float, end: float, speaker: str | None = None) -> Turn:
    return Turn(speaker, text, start, end, "window")


def spoken(*words: tuple[str, float, float]) -> Turn:
    text = "".join(word for word, _, _ in words)
    return Turn(None, text, words[0][1], words[-1][2], "aligned", tuple(Word(*word) for word in words))


def lines_of(text: str, language: str, seconds: float = 5.0, **layout: int) -> list[tuple[str, ...]]:
    return [
        subtitle.lines
        for subtitle in make_subtitles(transcript(aligned(text, 0, seconds), language=language), **layout)
    ]


def times(subtitles: list[Subtitle]) -> list[tuple[float, float]]:
    return [(subtitle.start_seconds, subtitle.end_seconds) for subtitle in subtitles]


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
    turns = (
        aligned("あ", 1, 5, "spk_0"),
        aligned("い", 2, 3, "spk_1"),
        aligned("う", 2, 3, "spk_0"),
    )
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


# Where text is cut


def test_a_transcript_without_turns_has_no_subtitles():
    assert make_subtitles(transcript()) == []


def test_japanese_is_cut_at_punctuation():
    text = (
        "お電話ありがとうございます。こちらは東京駅前クリニックの受付でございます。本日はどのようなご用件でしょうか、"
        "よろしければお名前とお電話番号、それから2024年の診察券番号をお伺いしてもよろしいでしょうか。"
    )
    assert lines_of(text, "Japanese", 18) == [
        ("お電話ありがとうございます。こちらは", "東京駅前クリニックの受付でございます。"),
        ("本日はどのようなご用件でしょうか、", "よろしければお名前とお電話番号、"),
        ("それから2024年の診察券番号を", "お伺いしてもよろしいでしょうか。"),
    ]


def test_english_is_cut_at_punctuation():
    text = (
        "Well, I was thinking that we could take the train to the museum, and then, after lunch, walk along the river "
        "to the old harbour. It is not very far from there, about twenty minutes if you do not stop for coffee."
    )
    assert lines_of(text, "English", 16) == [
        ("Well, I was thinking that we could", "take the train to the museum,"),
        ("and then, after lunch,", "walk along the river to the old harbour."),
        ("It is not very far from there,",),
        ("about twenty minutes if you", "do not stop for coffee."),
    ]


def test_ends_of_sentences_are_preferred_to_ends_of_clauses():
    text = "One two. Three four, five six seven"
    assert lines_of(text, "English", max_line_width=26) == [("One two.", "Three four, five six seven")]
    assert lines_of("One, two three. Four five, six", "English", max_line_width=20, max_line_count=1) == [
        ("One, two three.",),
        ("Four five, six",),
    ]


def test_a_title_stays_with_its_name():
    assert lines_of("Falei com o Sr. Fonseca ontem.", "Portuguese", max_line_width=18) == [
        ("Falei com o", "Sr. Fonseca ontem.")
    ]
    assert lines_of("Falei com a luz. Fonseca ontem.", "Portuguese", max_line_width=18) == [
        ("Falei com a luz.", "Fonseca ontem.")
    ]
    # It parts from it where that saves a subtitle.
    assert lines_of("Vi o Sr. Fonseca ali", "Portuguese", max_line_width=11, max_line_count=1) == [
        ("Vi o Sr.",),
        ("Fonseca ali",),
    ]


def test_a_quote_or_bracket_closes_with_its_sentence():
    assert lines_of("（はい、そう。）次はどう", "Japanese", max_line_width=8, max_line_count=1) == [
        ("（はい、そう。）",),
        ("次はどう",),
    ]
    assert lines_of('He said "Go." Then left', "English", max_line_width=15, max_line_count=1) == [
        ('He said "Go."',),
        ("Then left",),
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("いろはにっほへと", ("いろはにっ", "ほへと")),  # no line begins with small kana,
        ("いろはにーほへと", ("いろはにー", "ほへと")),  # or with the mark that lengthens,
        ("いろはに」ほへと", ("いろはに」", "ほへと")),
        ("彼は「行く」と", ("彼は", "「行く」と")),  # or ends with an opening bracket
        ("東京駅12時頃着", ("東京駅", "12時頃着")),  # numbers stay whole
        ("いろはにUSBほへ", ("いろはに", "USBほへ")),
        ("ここはお茶のみ所", ("ここは", "お茶のみ所")),
        ("水をのむひとだ", ("水を", "のむひとだ")),
    ],
)
def test_japanese_lines_follow_the_rules_of_typesetting(text, lines):
    assert lines_of(text, "Japanese", max_line_width=5) == [lines]


def test_japanese_with_words_is_cut_between_them():
    words = spoken(("東京", 0, 1), ("特許許可", 1, 2), ("局", 2, 3))
    assert lines_of(words.text, "Japanese", max_line_width=6) == [("東京特許", "許可局")]
    assert [subtitle.lines for subtitle in make_subtitles(transcript(words), max_line_width=6)] == [
        ("東京", "特許許可局")
    ]
    words = spoken(("はい。い", 0, 1), ("いえ違う", 1, 2))  # a mark ends a sentence wherever the aligner saw words
    assert [subtitle.lines for subtitle in make_subtitles(transcript(words), max_line_width=6)] == [
        ("はい。", "いいえ違う")
    ]


def test_english_with_words_is_cut_at_spaces():
    words = spoken(("In", 0, 1), (" Constantinople", 1, 3))
    made = make_subtitles(transcript(words, language="English"), max_line_width=15)
    assert [subtitle.lines for subtitle in made] == [("In", "Constantinople")]


def test_a_word_longer_than_a_line_is_cut_inside():
    assert lines_of("an internationalisation", "English", max_line_width=12) == [("an internati", "onalisation")]
    assert lines_of("an internationalisation", "English", max_line_width=20) == [("an", "internationalisation")]
    assert lines_of("no", "English", max_line_width=1) == [("n", "o")]
    assert lines_of("東京", "English", max_line_width=1) == [("東", "京")]  # each is wider than the line


def test_a_text_that_fits_is_one_line():
    assert lines_of("Yes. No, or maybe not? We will see.", "English") == [("Yes. No, or maybe not? We will see.",)]
    assert lines_of("はい。いいえ、どうでしょうか。", "Japanese") == [("はい。いいえ、どうでしょうか。",)]


@pytest.mark.parametrize("text", ["か\u3099" * 7, "👩‍👩‍👧" * 7, "👍🏽" * 7])
def test_combined_characters_are_not_cut(text):
    one = text[: len(text) // 7]
    assert [line for lines in lines_of(text, "Japanese", max_line_width=1) for line in lines] == [one] * 7


def test_half_width_characters_count_half_in_japanese():
    assert lines_of("ab cd ef", "Japanese", max_line_width=4) == [("ab cd ef",)]
    assert lines_of("ab cd ef", "English", max_line_width=4) == [("ab", "cd"), ("ef",)]
    assert lines_of("東京です", "Japanese", max_line_width=4) == [("東京です",)]
    assert lines_of("東京です", "English", max_line_width=4) == [("東京", "です")]


def test_the_number_of_lines_per_subtitle():
    text = "one two three four five six"
    assert lines_of(text, "English", max_line_width=9, max_line_count=1) == [
        ("one two",),
        ("three",),
        ("four",),
        ("five six",),
    ]
    assert lines_of(text, "English", max_line_width=9, max_line_count=4) == [("one two", "three", "four", "five six")]


def test_white_space_of_any_kind_becomes_one_space():
    assert lines_of("one \n\n\ttwo\u2028three\u3000\x85four", "English") == [("one two three four",)]


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


@pytest.mark.parametrize("character", ["あ", "a", "あ。", "a "])
def test_the_work_grows_with_the_length_of_the_text_and_not_faster(monkeypatch, character):
    """Counts the parts of which the cheapest is taken: all lines and subtitles that could end at each place."""
    compared = []
    cheapest_part = subtitles._TurnCutter._cheapest_part

    def counted(self, low, end, *arguments):
        compared.append(end - low)
        return cheapest_part(self, low, end, *arguments)

    monkeypatch.setattr(subtitles._TurnCutter, "_cheapest_part", counted)
    work = []
    for count in (1000, 2000, 4000):
        compared.clear()
        lines_of((character * count).strip(), "Japanese", count)
        work.append(sum(compared) / count)
    assert max(work) < 1.05 * min(work) and max(work) < 200


# Arbitrary text

HOSTILE = "ab.Z,?!-->&<>\"' \n\r\t\x00\x0b\x1c\x85\u2028\u2029\u200b\u200d\u200f\u0301\u3000\ufeff()1:"
SCRIPTS = "あいうっゃおごを、。？「」ーアｱ漢字々〜・＆１אبéã👩👍🏽🇯🇵한กขรับๆ้ำเแपर्थिक।مب،؟ЯΣ«»“”"
TEXTS = st.text(st.sampled_from(HOSTILE + SCRIPTS) | st.characters(exclude_categories=["Cs"]), max_size=120)
TEXTS = TEXTS.map(str.strip).filter(bool) | st.sampled_from(
    ["one two " * 30 + "x", "はい。" * 40, "あ" * 200, "w" * 99]
)
SECONDS = st.floats(0, 100, allow_subnormal=False) | st.sampled_from([0.0, 0.0004, 0.0005, 1 / 3, 59.9996, 3599.9999])


@st.composite
def words_of(draw, text: str) -> tuple[Word, ...]:
    """Words that join to a text, with times in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, len(text) - 1), max_size=9))) if len(text) > 1 else []
    pieces = [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]
    if not all(piece.strip() for piece in pieces):
        return ()
    spans = [sorted(draw(st.lists(SECONDS, min_size=2, max_size=2, unique=True))) for _ in pieces]
    return tuple(Word(piece, *span) for piece, span in zip(pieces, spans, strict=True))


@st.composite
def turns_of_any_kind(draw) -> Turn:
    text, speaker = draw(TEXTS), draw(st.sampled_from(["spk_0", "spk_1", None]))
    start, end = sorted(draw(st.tuples(SECONDS, SECONDS)))
    timing = draw(st.sampled_from(["aligned", "window"]))
    return Turn(speaker, text, start, end, timing, draw(words_of(text)) if timing == "aligned" else ())


@st.composite
def windows_in_a_row(draw) -> list[Turn]:
    edges = sorted(draw(st.lists(SECONDS, min_size=2, max_size=5)))
    overlap = draw(st.sampled_from([0.0, 0.5]))
    return [
        window(text, start, end + overlap, draw(st.sampled_from(["spk_0", "spk_1", None])))
        for start, end in pairwise(edges)
        for text in draw(st.lists(TEXTS, min_size=1, max_size=3))
    ]


def solid(texts) -> str:
    return "".join("".join(text.split()) for text in texts)


def columns(text: str) -> int:
    """What readers see as one character is as wide as its widest part; marks take no column."""
    return sum(max(map(width_of, character)) for character in regex.findall(r"\X", text))


def width_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def is_one(text: str) -> bool:
    return len(regex.findall(r"\X", text)) == 1


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    turns=st.lists(turns_of_any_kind(), max_size=6) | windows_in_a_row(),
    language=st.sampled_from(["Japanese", "English", "Chinese", "Cantonese", "Korean", "Thai", "Arabic", ""]),
    width=st.none() | st.integers(1, 50),
    count=st.none() | st.integers(1, 4),
    duration=SECONDS,
)
def test_subtitles_of_arbitrary_turns(turns, language, width, count, duration):
    subtitles = make_subtitles(transcript(*turns, language=language, duration=duration), width, count)
    milliseconds = [
        (round(subtitle.start_seconds * 1000), round(subtitle.end_seconds * 1000)) for subtitle in subtitles
    ]
    assert [(start / 1000, end / 1000) for start, end in milliseconds] == times(subtitles)
    assert all(start < end <= start + 7000 for start, end in milliseconds)
    assert all(end <= following for (_, end), (following, _) in pairwise(milliseconds))
    usual = {"Japanese": 20, "Chinese": 16, "Cantonese": 16, "Korean": 16, "Thai": 35}.get(language, 42)
    limit = (width or usual) * (2 if usual in (16, 20) else 1)
    for subtitle in subtitles:
        assert 1 <= len(subtitle.lines) <= (count or 2)
        for line in subtitle.lines:
            assert line and line == " ".join(line.split())
            assert columns(line) <= limit or is_one(line)
    for speaker in {turn.speaker for turn in turns}:
        of_speaker = [turn.text for turn in turns if turn.speaker == speaker]
        shown = [line for subtitle in subtitles if subtitle.speaker == speaker for line in subtitle.lines]
        assert sorted(solid(shown)) == sorted(solid(of_speaker))


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(turns=windows_in_a_row() | turns_of_any_kind().map(lambda turn: [turn]))
def test_every_character_is_there_once_and_in_order(turns):
    subtitles = make_subtitles(transcript(*turns))
    assert solid(line for subtitle in subtitles for line in subtitle.lines) == solid(turn.text for turn in turns)
    seen = list(accumulate(len(solid(subtitle.lines)) for subtitle in subtitles))
    ends = list(accumulate(len(solid([turn.text])) for turn in turns))
    assert set(ends) <= set(seen)  # no subtitle has text of two turns


@settings(deadline=None, max_examples=100)
@given(turns=st.lists(turns_of_any_kind(), max_size=6) | windows_in_a_row())
def test_dividing_times_changes_nothing_else(turns):
    spread = timed_turns(transcript(*turns))
    assert [(turn.speaker, turn.text, turn.timing, turn.words) for turn in spread] == [
        (turn.speaker, turn.text, turn.timing.replace("window", "estimated"), turn.words) for turn in turns
    ]
    for before, after in zip(turns, spread, strict=True):
        assert before.start_seconds <= after.start_seconds <= after.end_seconds <= before.end_seconds


# A translation with its source


def both(text: str, said: str, seconds: float = 9.0, **layout: int) -> list[Subtitle]:
    """The subtitles of one English turn that was said in Japanese."""
    turn = Turn(None, text, 0, seconds, "aligned", source=said)
    return make_subtitles(transcript(turn, language="English"), **layout)


RECEPTION = (
    "お電話ありがとうございます。こちらは東京駅前クリニックの受付でございます。恐れ入りますが、お名前とお電話番号を"
    "お伺いしてもよろしいでしょうか。"
)


def test_both_texts_of_a_subtitle_have_two_lines_at_most_and_cover_the_same_part():
    made = both(
        "Thank you for calling, this is the reception of the clinic at Tokyo station. "
        "May I ask you for your name, please?",
        RECEPTION,
    )
    assert [(*subtitle.lines, *subtitle.source) for subtitle in made] == [
        (
            "Thank you for calling,",
            "this is the reception of the clinic",
            "お電話ありがとうございます。こちらは",
            "東京駅前クリニックの受付でございます。",
        ),
        (
            "at Tokyo station.",
            "May I ask you for your name, please?",
            "恐れ入りますが、お名前とお電話番号を",
            "お伺いしてもよろしいでしょうか。",
        ),
    ]


def test_a_translation_is_cut_where_its_source_can_be_cut_too():
    said = "はい、もちろん知っております。少し遠いのでバスで。"
    made = both("Yes, I do. It is a little far from here, so please take the bus.", said, 15)
    assert [(*subtitle.lines, *subtitle.source) for subtitle in made] == [
        ("Yes, I do. It is a little far from here,", "はい、もちろん知っております。"),
        ("so please take the bus.", "少し遠いのでバスで。"),
    ]


@pytest.mark.parametrize("text", ["Yes.", ""])
def test_a_source_goes_on_in_more_subtitles_where_its_translation_has_no_place_for_a_cut(text):
    made = both(text, RECEPTION)
    assert [subtitle.lines for subtitle in made] == [(text,) if text else (), ()]
    assert "".join(line for subtitle in made for line in subtitle.source) == RECEPTION
    assert [len(subtitle.source) for subtitle in made] == [2, 2]
    assert [subtitle.start_seconds for subtitle in made] == [0, pytest.approx(4.5, abs=0.2)]


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(
    text=TEXTS | st.just(""),
    said=TEXTS,
    language=st.sampled_from(["English", "Japanese"]),
    width=st.none() | st.integers(1, 30),
    count=st.none() | st.integers(1, 3),
)
def test_both_texts_keep_their_limits_whatever_their_lengths(text, said, language, width, count):
    turn = Turn(None, text, 0.0, 20.0, "estimated", source=said)
    made = make_subtitles(transcript(turn, language=language), width, count)
    assert solid(line for subtitle in made for line in subtitle.lines) == solid([text])
    assert solid(line for subtitle in made for line in subtitle.source) == solid([said])
    assert all(max(len(subtitle.lines), len(subtitle.source)) <= (count or 2) for subtitle in made)
    assert all(subtitle.lines or subtitle.source for subtitle in made)


def test_each_line_of_the_source_is_with_the_subtitle_that_is_spoken_meanwhile():
    made = both("Yes. Now. I go.", "はい。いま。いく。", max_line_width=5, max_line_count=1)
    assert [(*subtitle.lines, *subtitle.source) for subtitle in made] == [
        ("Yes.", "はい。"),
        ("Now.", "いま。"),
        ("I go.", "いく。"),
    ]
