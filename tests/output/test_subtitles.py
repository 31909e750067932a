"""Subtitles are cut where a reader would cut them, together with what a translation was made from."""

from __future__ import annotations

import pytest

from kikitori.output import subtitles
from kikitori.output.subtitles import Subtitle, make_subtitles
from kikitori.transcript import Turn
from tests.support.subtitles import lines_of, spoken, transcript


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


@pytest.mark.slow
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


def test_each_line_of_the_source_is_with_the_subtitle_that_is_spoken_meanwhile():
    made = both("Yes. Now. I go.", "はい。いま。いく。", max_line_width=5, max_line_count=1)
    assert [(*subtitle.lines, *subtitle.source) for subtitle in made] == [
        ("Yes.", "はい。"),
        ("Now.", "いま。"),
        ("I go.", "いく。"),
    ]
