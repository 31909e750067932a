"""Faults are found in faulty texts, and not in the repetitions of ordinary speech."""

from __future__ import annotations

import pytest

from kikitori.result import DecodingResult
from kikitori.text.faults import FAULTS, find_faults, has_loop

PHRASE = "月曜日の午前10時はいかがですか。"


@pytest.mark.parametrize(
    "text",
    [
        "はい" * 20,
        "no, " * 12,
        PHRASE * 5,
        "それから" + PHRASE * 6 + "おわり",
        ("はい、わかりました。" + "ありがとうございます。") * 5,  # two phrases that alternate
        "<|spk_0|> はい、そうです。 <|spk_1|> そうですか。 " * 5,
        ", ".join(str(number) for number in range(1, 40)),
        "".join(f"{number}、" for number in range(7, 30)),
        "<|spk_0|> 1 <|spk_1|> 2 " + " ".join(str(number) for number in range(3, 30)),
    ],
)
def test_loops_are_found(text):
    assert has_loop(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "はいはいはい、わかりました。",
        "no no no no no",
        "ha ha ha ha ha ha ha ha",
        PHRASE * 3,
        "電話番号は0312345678です。",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, that is how far I can count.",
        "10時、11時、12時、13時は空いています。",
        "Quero marcar a consulta para quinta. Quero marcar o exame para quinta. Quero marcar a aula para quinta.",
    ],
)
def test_ordinary_repetitions_are_no_loops(text):
    assert not has_loop(text)


LETTERS = "".join(map(chr, range(ord("一"), ord("一") + 81)))


def count(first: int, last: int) -> str:
    return "、".join(map(str, range(first, last + 1)))


@pytest.mark.parametrize(
    ("longest_without", "shortest_loop"),
    [
        ("あ" * 29, "あ" * 30),
        (LETTERS[:10] * 4, LETTERS[:10] * 5),
        (LETTERS[:81] * 5, LETTERS[:80] * 5),
        (count(1, 14), count(1, 15)),
        ("9、" + count(1, 14), "9、" + count(1, 15)),  # the nine is no part of it
    ],
    ids=["characters", "repeats", "length of the phrase", "numbers", "numbers after another one"],
)
def test_a_loop_begins_exactly_at_its_limits(longest_without, shortest_loop):
    assert not has_loop(longest_without)
    assert has_loop(shortest_loop)


@pytest.mark.parametrize(
    ("text", "ended", "seconds", "faults"),
    [
        ("Bom dia.", True, 3.0, ()),
        ("Bom dia.", False, 3.0, ("budget",)),
        ("はい" * 30, False, 3.0, ("budget", "loop")),
        ("Bom <|im_start|> dia.", True, 3.0, ("control_token",)),
        ("language Portuguese<asr_text>Bom dia.", True, 3.0, ("control_token", "echo")),
        ("system\nBom dia.", True, 3.0, ("echo",)),
        ("São 10 \ufffd horas.", True, 3.0, ("broken_character",)),
        ("", True, 3.0, ("empty",)),
        ("<|spk_0|> ", True, 3.0, ("empty",)),
        ("", True, 1.0, ("empty",)),
        ("", True, 0.99, ()),
        ("<|spk_0|> はい。", True, 3.0, ()),
    ],
)
def test_faults_of_a_text(text, ended, seconds, faults):
    assert find_faults(DecodingResult(text, "end" if ended else "budget"), seconds) == faults


def test_a_text_that_decoding_stopped_as_a_loop_has_that_fault():
    assert find_faults(DecodingResult("はい、はい", "loop"), 3.0) == ("loop",)


def test_every_fault_has_a_sentence():
    assert set(FAULTS) == {"budget", "loop", "control_token", "echo", "broken_character", "empty"}
