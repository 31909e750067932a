"""Rules replace whole words, and what belongs to the words moves with them: times, and ranges of doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori.errors import TextError
from kikitori.text.replacements import MAX_RULES, apply_rules, check_rules, parse_rule, parse_rules
from kikitori.transcript import Turn, Word

ALIGNED = Turn(
    "spk_0",
    "Olá, Ana Silva, tudo bem?",
    1.0,
    6.0,
    "aligned",
    tuple(
        Word(text, start, start + 1.0) for start, text in enumerate(["Olá,", " Ana", " Silva,", " tudo", " bem?"], 1)
    ),
    ((0, 3), (9, 14), (21, 24)),
)


def text_after(text: str, *rules: tuple[str, str]) -> str:
    return " / ".join(turn.text for turn in apply_rules([Turn(None, text)], rules))


@pytest.mark.parametrize(
    ("text", "rules", "expected"),
    [
        ("Olá, ana. A banana, anas, Ana.", [("ana", "Ana")], "Olá, Ana. A banana, anas, Ana."),
        ("são João, São João", [("São João", "S. João")], "são João, S. João"),
        ("a 5 e 15 e 5a", [("5", "cinco")], "a cinco e 15 e 5a"),
        ("a-b, a.b", [("a", "x")], "x-b, x.b"),
        ("C++ e C+", [("C+", "C")], "C+ e C"),
        ("um carro, o carro", [(" carro", " trem")], "um trem, o trem"),
        ("佐籐さんと佐籐商事", [("佐籐", "佐藤")], "佐藤さんと佐藤商事"),
        ("IBMの会議とIBMX", [("IBM", "アイビーエム")], "アイビーエムの会議とIBMX"),
        ("서울에서 만나요", [("서울", "부산")], "부산에서 만나요"),
        ("राम रामा", [("राम", "श्याम")], "श्याम रामा"),
        ("aaa aa", [("aa", "b")], "aaa b"),
        ("ああああ", [("ああ", "い")], "いい"),
        ("um dois", [("um", "dois"), ("dois", "três")], "três três"),
        ("um dois", [("dois", "três"), ("um", "dois")], "dois três"),
        ("a b", [("a", "b"), ("b", "a")], "a a"),
        ("a", [("a", "a a")], "a a"),
        ("é, hum, hum sim hum", [("hum", "")], "é,, sim"),
        ("hum sim", [("hum", "")], "sim"),
        ("hum hum", [("hum", "")], ""),
        ("a a b", [("a ", "")], "b"),
        ("xa a a", [("a a", "b")], "xa b"),
        ("a b c", [("b", " ")], "a   c"),
        (". a", [("a", "x y")], ". x y"),
        ("nothing", [("a.*", "x")], "nothing"),
    ],
)
def test_rules_replace_whole_words_in_order(text, rules, expected):
    assert text_after(text, *rules) == expected


@pytest.mark.parametrize(
    ("rules", "words", "low_confidence"),
    [
        (
            [("Silva", "da Silva")],
            [("Olá,", 1, 2), (" Ana", 2, 3), (" da Silva,", 3, 4), (" tudo", 4, 5), (" bem?", 5, 6)],
            ((0, 3), (24, 27)),
        ),
        (
            [("Ana Silva", "Anabela")],
            [("Olá,", 1, 2), (" Anabela,", 2, 4), (" tudo", 4, 5), (" bem?", 5, 6)],
            ((0, 3), (19, 22)),
        ),
        (
            [("Olá, Ana", ""), ("bem", "")],
            [("Silva,", 3, 4), (" tudo?", 4, 5)],
            ((0, 5),),
        ),
        (
            [("Ana Silva, tudo", "x"), ("x", "Ana y")],
            [("Olá,", 1, 2), (" Ana y", 2, 5), (" bem?", 5, 6)],
            ((0, 3), (11, 14)),
        ),
        (
            [("Ana", ""), ("Olá", "")],
            [(", Silva,", 3, 4), (" tudo", 4, 5), (" bem?", 5, 6)],
            ((2, 7), (14, 17)),
        ),
        (
            [("tudo", " ")],
            [("Olá,", 1, 2), (" Ana", 2, 3), (" Silva,  ", 3, 4), (" bem?", 5, 6)],
            ((0, 3), (9, 14), (18, 21)),
        ),
    ],
)
def test_words_and_doubts_move_with_the_text(rules, words, low_confidence):
    """Words that a match touches become one; a replaced stretch is sure."""
    (made,) = apply_rules([ALIGNED], rules)
    assert [(word.text, word.start_seconds, word.end_seconds) for word in made.words] == words
    assert made.low_confidence == low_confidence
    assert (made.speaker, made.start_seconds, made.end_seconds, made.timing) == ("spk_0", 1.0, 6.0, "aligned")
    assert made.text == "".join(word.text for word in made.words)


def test_words_of_one_character_become_one_word():
    words = (Word("佐", 1.0, 2.0), Word("籐", 2.0, 3.0), Word("です", 3.0, 4.0))
    (made,) = apply_rules([Turn(None, "佐籐です", 1.0, 4.0, "aligned", words)], [("佐籐", "佐藤さん")])
    assert made.words == (Word("佐藤さん", 1.0, 3.0), words[2])


@given(
    pieces=st.lists(st.text("ab .あ", min_size=1).filter(str.strip), min_size=1),
    rules=st.lists(st.tuples(st.text("ab .あ", min_size=1).filter(str.strip), st.text("ab .あ")), max_size=4),
    doubts=st.lists(st.booleans()),
)
def test_turns_stay_valid_whatever_is_replaced(pieces, rules, doubts):
    """`Turn` checks that the words join to the text, and that doubts are ranges of it."""
    pieces = [
        pieces[0].lstrip() if len(pieces) > 1 else pieces[0].strip(),
        *pieces[1:-1],
        *(p.rstrip() for p in pieces[1:][-1:]),
    ]
    text = "".join(pieces)
    words = tuple(Word(piece, number, number + 1.0) for number, piece in enumerate(pieces))
    doubted = tuple((place, place + 1) for place, doubt in enumerate(doubts[: len(text)]) if doubt)
    turn = Turn(None, text, 0.0, float(len(pieces)), "aligned", words, doubted)
    made = apply_rules([turn], rules)
    bare = apply_rules([Turn(None, text)], rules)
    assert [one.text for one in made] == [one.text for one in bare]
    assert all(one.words or not any(map(str.isalnum, one.text)) for one in made)


def test_a_turn_without_text_is_dropped_and_others_stay():
    turns = [Turn("spk_0", "hum"), Turn("spk_1", "sim", source="yes")]
    assert apply_rules(turns, [("hum", "")]) == (turns[1],)


def test_rules_that_multiply_a_text_are_stopped():
    grown = [("a", "b " * 9 + "b"), ("b", "c " * 9 + "c"), ("c", "d")]
    with pytest.raises(TextError) as caught:
        apply_rules([Turn(None, "a " * 10 + "a")], grown)
    assert str(caught.value).startswith("the rule b=c c c")
    assert "makes a turn 2199 characters long; the limit is 2000: shorten what it writes" in str(caught.value)
    long = "a " * 1000 + "a"
    assert len(text_after(long, ("a", "b" * 18))) == 1001 * 18 + 1000


def test_rules_are_read_line_by_line():
    text = "\ufeff# names\r\n\r\nana = Ana\n  x=y=z \nhum=\n #a=b\n"
    assert parse_rules(text.removeprefix("\ufeff")) == (("ana", "Ana"), ("x", "y=z"), ("hum", ""))
    assert parse_rule("# = number") == ("#", "number")
    assert parse_rules("") == ()


@pytest.mark.parametrize(("rules", "named"), [("ana", "ana"), ("a=b\n=x", "=x"), (" = x", "=x")])
def test_a_line_that_is_no_rule_is_named(rules, named):
    with pytest.raises(TextError) as caught:
        parse_rules(rules)
    remedy = "write old=new in one line, with text before the equals sign"
    assert str(caught.value) == f"`{named}` is not a rule for replacements: {remedy}"


@pytest.mark.parametrize("rule", [("", "x"), (" ", "x"), ("a\nb", "x"), ("a", "x\x00"), ("a", "\ud800")])
def test_a_rule_that_cannot_be_shown_or_found_is_refused(rule):
    with pytest.raises(TextError, match="is not a rule for replacements"):
        check_rules([("a", "b"), rule])


def test_there_may_be_so_many_rules_and_no_more():
    assert len(check_rules([["a", "b"]] * MAX_RULES)) == MAX_RULES
    with pytest.raises(TextError, match="there are 301 rules for replacements; the limit is 300"):
        check_rules([("a", "b")] * (MAX_RULES + 1))


@pytest.mark.parametrize("rules", [{"laranja": "uva"}, ["laranja=uva"], ("laranja", "uva"), [("laranja", None)]])
def test_what_is_no_pair_is_the_callers_mistake(rules):
    with pytest.raises(ValueError, match="a replacement must be a pair of strings, old and new, but is"):
        check_rules(rules)


def test_a_rule_may_be_so_long_and_no_longer():
    assert check_rules([("a" * 200, "b" * 200)])
    for rule in (("a" * 201, "b"), ("a", "b" * 201)):
        with pytest.raises(TextError, match="is too long; the limit is 200 characters on each side") as caught:
            check_rules([rule])
        assert len(str(caught.value)) < 300
