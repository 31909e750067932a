"""A context is checked before it is sent, and a text that copies it is told from one in which a name was said."""

from __future__ import annotations

import pytest

from kikitori.errors import TextError
from kikitori.text.context import MAX_CONTEXT_CHARACTERS, check_context, echoes
from kikitori.text.tags import CONTROL_TOKENS

NAMES = "Helena, Kikitori 3.0, São João; Maria da Silva"
CALL = "佐藤、田中、鈴木商事\n予約番号"


def test_a_context_that_is_no_string_is_the_callers_mistake():
    with pytest.raises(ValueError, match="the context must be a string, but is None"):
        check_context(None)


def test_a_context_is_kept_but_for_the_space_around_it():
    assert check_context(f"\n {NAMES} \n") == NAMES
    assert check_context(" " + "名" * MAX_CONTEXT_CHARACTERS) == "名" * MAX_CONTEXT_CHARACTERS
    assert check_context("a < b, <|x|>") == "a < b, <|x|>"


@pytest.mark.parametrize(
    ("context", "sentence"),
    [
        (
            "名" * (MAX_CONTEXT_CHARACTERS + 1),
            "the context has 2001 characters; the limit is 2000: keep the names and terms that are most likely to be "
            "said",
        ),
        ("a\ud800", "the context is not text in UTF-8: save it in that encoding"),
        *(
            (f"Helena{token}", f"the context contains {token}, which is a control token of the model: take it out")
            for token in (*CONTROL_TOKENS, "<|spk_0|>", "<|spk_12|>")
        ),
    ],
)
def test_a_context_that_would_change_the_prompt_is_refused(context, sentence):
    with pytest.raises(TextError) as caught:
        check_context(context)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (NAMES, NAMES),
        ("helena kikitori 3 0 são joão.", NAMES),
        ("language Portuguese<asr_text>Helena, Kikitori 3.0.", NAMES),
        ("Ah. Helena, Kikitori 3.0, São João.", NAMES),
        (f"<|spk_0|> {CALL}", CALL),
        ("<|spk_0|> 佐藤、<|spk_1|> 田中、鈴木商事", CALL),
        ("佐藤 田中 鈴木商事。" * 9, CALL),
        ("佐藤、田中、鈴木商事。もしもしどうもね", CALL),
        ("Ana Rui Pedro", "Ana Rui Pedro Helena"),
        (
            "営業部の会議です。参加者は佐藤です。議題は予算です。",
            "営業部の会議です。参加者は佐藤です。議題は予算です。",
        ),
    ],
)
def test_a_copy_is_an_echo(text, context):
    assert echoes(text, context)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("", NAMES),
        (NAMES, ""),
        ("", ""),
        ("Helena.", NAMES),
        ("São João, Maria da Silva.", NAMES),
        ("Maria da Silva, São João; Kikitori 3.0, Helena", NAMES),
        ("Meu nome é Maria da Silva.", NAMES),
        ("<|spk_0|> 鈴木商事の佐藤です。 <|spk_1|> 田中です。予約番号は5です。", CALL),
        ("<|spk_0|> 佐藤、田中、鈴木商事の三社から、きのう電話がありました。折り返しをお願いできますか。", CALL),
        ("佐藤、田中、鈴木商事。もしもしどうもねえ", CALL),
        ("Ana Rui", "Ana Rui"),
    ],
)
def test_names_that_were_said_are_no_echo(text, context):
    assert not echoes(text, context)
