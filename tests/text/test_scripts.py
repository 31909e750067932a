"""Text in a script that its language does not use is noticed; names, units and abbreviations are not."""

from __future__ import annotations

import pytest

from kikitori.tasks import TASKS
from kikitori.text.scripts import has_other_script
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("Portuguese", "青のパソコンはありますか。"),
        ("Portuguese", "Bom dia. はい。"),
        ("Portuguese", "Привет, tudo bem?"),
        ("English", "The word is 本当 in Japanese."),
        ("English", "안녕하세요"),
        ("Japanese", "Where is the station?"),
        ("Japanese", "Thank you."),
        ("Japanese", "はい。I want to go to the museum by bus. わかりました。"),
        ("Japanese", "はい。I go to the old museum。"),  # six words
        ("Japanese", "Да, да."),
    ],
)
def test_another_script_is_noticed(language, text):
    assert has_other_script(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("Portuguese", "Às duas, na praça, não há açaí."),
        ("Portuguese", "Mede 5 µm; π é 3,14."),
        ("English", "Café, naïve, 10:30!"),
        ("Japanese", "AIのPCはOKです。"),
        ("Japanese", "OK"),
        ("Japanese", "はい。I go to the museum。"),
        ("Japanese", "New York Stock Exchangeの株です。"),
        ("Japanese", "Bank of New York Mellonと話しました。"),
        ("Japanese", "各々、ラーメンを〆に。ﾃｽﾄ。"),
        ("Japanese", "１２時、ＡＢＣビル"),
        ("Japanese", ""),
        ("Klingon", "青"),
    ],
)
def test_names_and_symbols_are_not_another_script(language, text):
    assert not has_other_script(text, language)


def test_the_words_of_the_recordings_are_in_their_languages_script():
    for recording in (*recordings_in(EXAMPLES), *recordings_in(RECORDINGS)):
        assert not has_other_script(recording.text, TASKS[recording.direction].language), recording.path.name
