"""The parsers take whatever a model writes."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.text.tags import CONTROL_TOKENS, SPEAKERS, parse_plain, parse_turns
from kikitori.transcript import TranscriptWarning, Turn

TAG = re.compile(r"<\|spk_[0-9]+\|>")
CALL = "<|spk_0|> はい、お電話ありがとうございます。 <|spk_1|> すいません、予約を。 <|spk_0|> はい。"


def kinds(warnings: tuple[TranscriptWarning, ...]) -> list[str]:
    return [warning.kind for warning in warnings]


# The parser of speaker tags


def test_the_example_of_the_format():
    turns, warnings = parse_turns(CALL)
    assert turns == (
        Turn("spk_0", "はい、お電話ありがとうございます。"),
        Turn("spk_1", "すいません、予約を。"),
        Turn("spk_0", "はい。"),
    )
    assert warnings == ()


@pytest.mark.parametrize(
    ("raw_text", "turns", "expected_kinds"),
    [
        ("", [], []),
        (" \n\u3000", [], []),
        ("はい。", [(None, "はい。")], ["untagged"]),
        ("spk_0 はい。", [(None, "spk_0 はい。")], ["untagged"]),
        ("え <|spk_0|> はい", [(None, "え"), ("spk_0", "はい")], ["untagged"]),
        ("\n <|spk_0|>はい", [("spk_0", "はい")], []),
        ("<|spk_0|><|spk_0|> はい", [("spk_0", "はい")], []),
        ("<|spk_0|> はい <|spk_0|>", [("spk_0", "はい")], []),
        ("<|spk_0|> はい。 <|spk_0|> ええ", [("spk_0", "はい。ええ")], []),
        ("<|spk_0|> One. <|spk_0|> Two.", [("spk_0", "One. Two.")], []),
        ("<|spk_0|><|spk_1|> はい", [("spk_1", "はい")], ["empty_turn"]),
        ("<|spk_0|> はい <|spk_1|> ", [("spk_0", "はい")], ["empty_turn"]),
        ("<|spk_0|>", [], ["empty_turn"]),
        ("<|spk_0|>あ<|spk_1|><|spk_0|>い", [("spk_0", "あい")], ["empty_turn"]),
        ("<|spk_7|> あ", [("spk_7", "あ")], []),
        ("<|spk_8|> あ", [("spk_8", "あ")], ["unknown_speaker"]),
        ("<|spk_12|> あ", [("spk_12", "あ")], ["unknown_speaker"]),
        ("<|spk_00|> あ", [("spk_00", "あ")], ["unknown_speaker"]),
        ("<|spk_|> <|spk_a|>", [(None, "<|spk_|> <|spk_a|>")], ["untagged"]),
        ("<|spk_0|>あ<|im_end|>", [("spk_0", "あ")], ["control_token"]),
        ("<|spk_0|>あ<blank3>い", [("spk_0", "あい")], ["control_token"]),
        ("<|spk_0|>a<tts_pad>b", [("spk_0", "a b")], ["control_token"]),
        ("<|spk_0|><blank28> <b>", [("spk_0", "<blank28> <b>")], []),
        ("<|spk_0|><non_speech>", [], ["empty_turn", "control_token"]),
        ("<|endoftext|>", [], ["control_token"]),
        ("<|spk_<|im_end|>0|>", [(None, "<|spk_ 0|>")], ["untagged", "control_token"]),
        (
            "え<|spk_9|><|spk_0|><think>",
            [(None, "え")],
            ["untagged", "empty_turn", "unknown_speaker", "control_token"],
        ),
    ],
)
def test_deviations_from_the_format(raw_text, turns, expected_kinds):
    parsed, warnings = parse_turns(raw_text)
    assert [(turn.speaker, turn.text) for turn in parsed] == turns
    assert kinds(warnings) == expected_kinds


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_every_control_token_is_removed_and_named(token):
    for turns, warnings in (parse_turns(f"<|spk_0|>あ{token}い"), parse_plain(f"あ{token}い")):
        assert [turn.text for turn in turns] == ["あい"]
        assert kinds(warnings) == ["control_token"] and token in warnings[0].message


def test_the_control_tokens_are_those_of_the_tokenizer():
    # Ids 151643 to 151705 of the checkpoints' tokenizer_config.json, without a gap.
    assert len(set(CONTROL_TOKENS)) == len(CONTROL_TOKENS) == 151705 - 151643 + 1


def test_warnings_name_each_token_once():
    raw_text = "<|spk_9|>あ<|im_end|><|spk_12|>い<|im_end|><|audio_pad|><|spk_9|>う<|spk_3|>"
    _, (empty, unknown, control) = parse_turns(raw_text)
    assert "after the tag of spk_3:" in empty.message
    assert "the label spk_9, spk_12, which is not one of its own (spk_0 to spk_7)" in unknown.message
    assert "wrote <|im_end|>, <|audio_pad|> among" in control.message


PLAIN_CHARACTERS = st.text(alphabet="aé1 。、はいカ漢\n\u3000…!_-")
TAGS = st.integers(0, 20).map("<|spk_{}|>".format)
PIECES = st.lists(st.one_of(PLAIN_CHARACTERS, TAGS, st.sampled_from(CONTROL_TOKENS)))
BROKEN_TOKENS = [
    "<|",
    "|>",
    "<",
    ">",
    "spk_",
    "<|spk_",
    "0",
    "0|>",
    "im_end",
    "<blank",
    "はい",
    "a",
]
WHOLE_TOKENS = ["<|spk_0|>", "<|spk_1|>", "<|im_end|>", "<think>"]
FRAGMENTS = st.lists(st.sampled_from([*BROKEN_TOKENS, *WHOLE_TOKENS, " "])).map("".join)


def black(text: str) -> str:
    """The text without its white space."""
    return "".join(text.split())


@pytest.mark.slow
@settings(max_examples=300)
@given(PIECES)
def test_no_character_is_lost_or_added(pieces):
    tokens = {piece for piece in pieces if TAG.fullmatch(piece) or piece in CONTROL_TOKENS}
    words = black("".join(piece for piece in pieces if piece not in tokens))
    for parse in (parse_turns, parse_plain):
        turns, _ = parse("".join(pieces))
        assert black("".join(turn.text for turn in turns)) == words


@pytest.mark.slow
@settings(max_examples=300)
@given(PIECES)
def test_each_character_stays_with_its_speaker(pieces):
    speaker, written = None, {}
    for piece in pieces:
        if TAG.fullmatch(piece):
            speaker = piece[2:-2]
        elif piece not in CONTROL_TOKENS:
            written[speaker] = written.get(speaker, "") + black(piece)
    turns, warnings = parse_turns("".join(pieces))
    parsed = {}
    for turn in turns:
        parsed[turn.speaker] = parsed.get(turn.speaker, "") + black(turn.text)
    assert parsed == {speaker: words for speaker, words in written.items() if words}
    assert all(one.speaker != other.speaker for one, other in pairwise(turns))
    assert ("untagged" in kinds(warnings)) == (None in parsed)
    unknown = any(TAG.fullmatch(piece) and piece[2:-2] not in SPEAKERS for piece in pieces)
    assert ("unknown_speaker" in kinds(warnings)) == unknown


@pytest.mark.slow
@settings(max_examples=500)
@given(st.text() | FRAGMENTS)
def test_no_text_breaks_the_parsers_and_no_tag_survives(raw_text):
    for parse in (parse_turns, parse_plain):
        turns, warnings = parse(raw_text)
        for turn in turns:
            assert not TAG.search(turn.text)
            assert not any(token in turn.text for token in CONTROL_TOKENS)
        assert len(set(kinds(warnings))) == len(warnings)


@pytest.mark.slow
@settings(max_examples=300)
@given(PIECES | FRAGMENTS.map(lambda text: [text]))
def test_parsing_its_own_output_changes_nothing(pieces):
    turns, _ = parse_turns("".join(pieces))
    tagged = [turn for turn in turns if turn.speaker is not None]
    again, warnings = parse_turns(" ".join(f"<|{turn.speaker}|> {turn.text}" for turn in tagged))
    assert again == tuple(tagged)
    assert set(kinds(warnings)) <= {"unknown_speaker"}


# The parser of plain text


@pytest.mark.parametrize(
    ("raw_text", "text", "expected_kinds"),
    [
        ("", None, []),
        (" Bom dia. ", "Bom dia.", []),
        ("Bom dia.<|im_end|>\n", "Bom dia.", ["control_token"]),
        ("Olá<|spk_0|> mundo <|spk_12|>", "Olá mundo", []),
        ("はい<|spk_0|>。", "はい。", []),
        ("<non_speech>", None, ["control_token"]),
        ("a < b |> c", "a < b |> c", []),
    ],
)
def test_plain_text(raw_text, text, expected_kinds):
    turns, warnings = parse_plain(raw_text)
    assert turns == (() if text is None else (Turn(None, text),))
    assert kinds(warnings) == expected_kinds


def test_removed_tags_are_named_in_the_warning():
    _, (warning,) = parse_plain("Olá<|audio_pad|><|spk_0|> mundo<|im_end|>")
    assert "<|audio_pad|>, <|im_end|>" in warning.message
