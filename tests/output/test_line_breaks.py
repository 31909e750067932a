"""Lines in the scripts of the world: their width, and where they end."""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from uniseg.linebreak import line_break_boundaries

from kikitori.output.line_breaks import Ruler, _allowed_places
from kikitori.output.subtitles import make_subtitles
from kikitori.transcript import Transcript, Turn

SPOKEN = {
    "Chinese": "今天天气很好，我们去公园散步吧。他说：“明天早上八点半开会，请不要迟到。”我叔叔在医院工作。",
    "Cantonese": "今日天氣好好，我哋去公園行下啦。請問火車站喺邊度？我想搭巴士去博物館，但係唔知要幾多錢。",
    "Japanese": "駅はどこですか。バスで「国立博物館」に行きたいです。姉は、病院で働いています。",
    "Thai": "วันนี้อากาศดีมาก เราไปเดินเล่นที่สวนสาธารณะกันไหม เด็กๆ ชอบกินข้าวผัดกับน้ำส้มมากๆ",
    "Korean": "오늘은 날씨가 아주 좋으니까 공원에 산책하러 갑시다. 실례지만 기차역이 어디에 있습니까?",
    "Arabic": "الطقس جميل جدا اليوم، فلنذهب في نزهة إلى الحديقة. عفوا، أين محطة القطار؟",
    "Persian": "امروز هوا خیلی خوب است، بیایید به پارک برویم. می‌خواهم با اتوبوس به موزه بروم.",
    "Hindi": "आज मौसम बहुत अच्छा है, चलिए बगीचे में घूमने चलते हैं। माफ़ कीजिए, रेलवे स्टेशन कहाँ है?",
    "Russian": "Сегодня очень хорошая погода, давайте погуляем в парке. Извините, где вокзал?",
    "Greek": "Πού είναι ο σταθμός των τρένων; Θέλω να πάω στο μουσείο με το λεωφορείο.",
    "French": "« Voulez-vous venir au musée ? » demanda-t-elle. Oui ! Mais pas avant midi : le train est en retard.",
}
COLUMNS = {"Chinese": 32, "Cantonese": 32, "Japanese": 40, "Korean": 32, "Thai": 35}
"""Half-width columns of a line; 42 in all other languages."""
WITHOUT_SPACES = ("Chinese", "Cantonese", "Japanese", "Thai")
NEVER_FIRST = re.compile(r"[,.:;!?»)”،؟।，。、：；？！」）ๆーっゃ]")


def lines_of(text: str, language: str, seconds: float = 5.0, **layout: int) -> list[tuple[str, ...]]:
    turn = Turn(None, text, 0.0, seconds, "aligned")
    made = Transcript("a.wav", (turn,), "transcribe", language, "tiny", seconds, "")
    return [subtitle.lines for subtitle in make_subtitles(made, **layout)]


def flat(text: str, language: str, **layout: int) -> list[str]:
    return [line for lines in lines_of(text, language, **layout) for line in lines]


def columns(text: str) -> int:
    """What readers see as one character takes one column, or two if it is wide."""
    return sum(1 + (unicodedata.east_asian_width(one[0]) in "FW") for one in regex.findall(r"\X", text))


@pytest.mark.parametrize("width", [None, 10, 20])
@pytest.mark.parametrize("language", SPOKEN)
def test_lines_fit_and_lose_nothing_and_begin_as_lines_do(language, width):
    text = SPOKEN[language]
    lines = flat(text, language, max_line_width=width)
    wide = 2 if language in ("Chinese", "Cantonese", "Japanese", "Korean") else 1
    limit = COLUMNS.get(language, 42) if width is None else width * wide
    assert len(lines) > 1 and max(map(columns, lines)) <= limit
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert not [line for line in lines if NEVER_FIRST.match(line) or unicodedata.category(line[0]).startswith("M")]


@pytest.mark.parametrize("language", sorted(SPOKEN.keys() - {*WITHOUT_SPACES}))
def test_where_words_have_spaces_lines_end_at_them(language):
    lines = flat(SPOKEN[language], language, max_line_width=16)
    assert " ".join(lines) == SPOKEN[language]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("Chinese", "今天 天气 很 好 我们 去 公园 散步 吧 我 叔叔 在 医院 工作 我 想 坐 公共 汽车 去 博物馆"),
        ("Thai", "ผม อยาก ไป พิพิธภัณฑ์ โดย รถ เมล์ แต่ ไม่ รู้ ว่า ราคา เท่าไหร่ เรา ไป เดิน เล่น ที่ สวน สาธารณะ"),
        ("Japanese", "駅は どこですか 姉は 病院で 働いています バスで 博物館に 行きたいです"),
    ],
)
def test_words_without_spaces_stay_whole(language, words):
    ends = set(accumulate(map(len, words.split())))
    for width in (9, 12, 15):
        lines = flat("".join(words.split()), language, max_line_width=width)
        assert len(lines) > 2 and set(accumulate(map(len, lines))) <= ends


def test_thai_marks_stay_with_their_words():
    """budoux sees a border before the mark that repeats a word, and before closing marks."""
    lines = flat("ค่อยๆเดินช้าๆบ่อยๆต่างๆจริงๆเร็วๆนี้(ประมาณ)นะ", "Thai", max_line_width=7)
    assert len(lines) > 4 and not [line for line in lines if line[0] in "ๆ)" or line[-1] == "("]


def test_french_marks_stay_with_their_words():
    lines = flat("« Oui ! » Mais pourquoi ? Parce que : voilà", "French", max_line_width=10)
    assert lines == ["« Oui ! »", "Mais", "pourquoi ?", "Parce", "que :", "voilà"]


def test_a_no_break_space_is_kept():
    assert flat("il y a 12\u00a0000 habitants", "French", max_line_width=10) == ["il y a", "12 000", "habitants"]


@pytest.mark.parametrize(
    ("language", "character", "limit"),
    [
        ("Japanese", "あ", 20),
        ("Chinese", "好", 16),
        ("Cantonese", "係", 16),
        ("Korean", "가", 16),
        ("Thai", "ก้", 35),
        ("Hindi", "कि", 42),
        ("Arabic", "ب", 42),
        ("English", "a", 42),
        ("", "a", 42),
    ],
)
def test_the_usual_line_has_so_many_characters(language, character, limit):
    assert flat(character * limit, language) == [character * limit]
    assert len(flat(character * (limit + 1), language)) == 2


def test_invisible_characters_take_no_column():
    assert flat("a" * 21 + "\u200b" + "a" * 21, "English") == ["a" * 21 + "\u200b" + "a" * 21]
    assert len(flat("a" * 22 + "\u200b" + "a" * 21, "English")) == 2


@pytest.mark.parametrize(
    ("language", "spoken", "character", "limit"), [("English", "Japanese", "あ", 20), ("Japanese", "English", "a", 42)]
)
def test_the_usual_line_of_a_source_is_that_of_its_own_language(language, spoken, character, limit):
    for length, count in ((limit, 1), (limit + 1, 2)):
        turn = Turn(None, "OK", 0.0, 5.0, "aligned", source=character * length)
        made = Transcript("a.wav", (turn,), "translate", language, "tiny", 5.0, "")
        assert [len(subtitle.source) for subtitle in make_subtitles(made)] == [count]


@pytest.mark.parametrize(
    ("language", "text"), [("Japanese", "あ" * 12), ("Chinese", "好" * 18), ("Korean", "가" * 24), ("Thai", "ก้" * 34)]
)
def test_what_can_be_read_in_two_seconds(language, text):
    made = Transcript("a.wav", (Turn(None, text, 3.0, 3.5, "aligned"),), "transcribe", language, "tiny", 9.0, "")
    assert [(subtitle.start_seconds, subtitle.end_seconds) for subtitle in make_subtitles(made)] == [(3, 5)]


def test_each_turn_has_the_lines_of_its_own_language():
    turns = tuple(
        Turn(None, text, start, start + 4.0, "aligned", language=language)
        for start, text, language in ((0.0, "가" * 17, "Korean"), (5.0, "가" * 17, ""), (10.0, "a" * 42, "English"))
    )
    made = Transcript("a.wav", turns, "transcribe", "Japanese", "tiny", 14.0, "")
    assert [len(subtitle.lines) for subtitle in make_subtitles(made)] == [2, 1, 1]


ANY_SCRIPT = "ab.Z,?!->\"' ()1:;/$%—…“”’«»\u00a0\u202f\u200b\u200d\u0301\u3000\n\t"
ANY_SCRIPT += "あいっごを、。「」ーアｱ漢字々～・＆１한국ㄱกขับ้ำเแर्थिक।بم،؟ЯΣ👩👍🏽🇯🇵é"


@pytest.mark.slow
@settings(max_examples=300)
@given(st.text(st.sampled_from(ANY_SCRIPT), min_size=1, max_size=40))
def test_breaks_are_those_of_unicode_but_for_numbers(text):
    """The shortcut for words and syllables changes nothing."""
    spaced = re.sub("[^\\S\u00a0\u2007\u202f]", " ", text)
    after_numbers = {found.end() for found in regex.finditer(r"\d(?=\p{lb=ID})", spaced)}
    assert _allowed_places(text) - after_numbers == set(line_break_boundaries(spaced)) - after_numbers


def test_a_flag_is_one_character_among_many():
    """And none takes longer to find than the one before it."""
    flags = "🇯🇵🇵🇹🇬🇧" * 20_000
    assert sorted(Ruler(flags).starts)[:4] == [0, 2, 4, 6] and len(Ruler(flags).starts) == 60_000
