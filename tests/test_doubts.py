"""Where the model was unsure, from the tokens to the turns."""

from __future__ import annotations

import math

from conftest import RECORDINGS, recordings_in
from hypothesis import given
from hypothesis import strategies as st

from inference import load_model
from speech.audio import load_audio
from speech.doubts import DOUBTFUL_PROBABILITY, mark_doubts
from speech.linking import cut_turn
from speech.transcript import Turn, merge_neighbours, parse_turns

RAW = "<|spk_0|> はい。 もしもし<|im_end|> <|spk_1|> ええ と"


def doubted(turns) -> list[str]:
    return [turn.text[start:end] for turn in turns for start, end in turn.doubts]


def test_doubts_move_from_the_raw_text_to_the_turns():
    turns = parse_turns(RAW)[0]
    at = RAW.index("い")
    marked = mark_doubts(turns, RAW, [(at, RAW.index("も") + 1), (RAW.index("と"), len(RAW)), (2, 5)])
    assert doubted(marked) == ["い。", "も", "と"]
    assert [turn.text for turn in marked] == [turn.text for turn in turns]


@given(st.lists(st.sampled_from(["<|spk_0|>", "<|spk_1|>", " ", "あ", "b", "<asr_text>", "。"])), st.data())
def test_the_letters_that_are_marked_are_those_that_were_doubted(pieces, data):
    raw = "".join(pieces)
    places = st.integers(0, len(raw))
    doubts = [tuple(sorted((data.draw(places), data.draw(places)))) for _ in range(2)]
    marked = mark_doubts(parse_turns(raw)[0], raw, doubts)
    inside = [
        piece
        for number, piece in enumerate(pieces)
        if len(piece) == 1
        and piece != " "
        and any(start <= len("".join(pieces[:number])) < end for start, end in doubts)
    ]
    assert "".join("".join(doubted(marked)).split()) == "".join(inside)


def test_doubts_stay_where_they_are_when_turns_are_cut_and_joined():
    one = Turn("spk_0", "abcdef", doubts=((1, 3), (4, 6)))
    assert doubted(cut_turn(one, 2, 5)) == ["c", "e"]
    (both,) = merge_neighbours([one, Turn("spk_0", "xyz", doubts=((0, 1),))])
    assert doubted([both]) == ["bc", "ef", "x"]


def test_the_tiny_checkpoint_doubts_the_tokens_that_were_unlikely():
    """On clips cut off in the middle of a word, which it can only guess."""
    model = load_model("pt", checkpoint="tiny")
    clips = [load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")]
    found = 0
    for decoded in model.decode([clip[: len(clip) * part // 10] for clip in clips for part in (4, 6, 8)]):
        words = decoded.ids[:-1] if decoded.ended_by == "end" else decoded.ids
        pairs = zip(words, decoded.log_probabilities, strict=False)
        unlikely = [token for token, log_probability in pairs if log_probability < math.log(DOUBTFUL_PROBABILITY)]
        pieces = [model.recognizer.tokenizer.decode([token]).strip() for token in unlikely]
        assert [decoded.text[start:end].strip() for start, end in decoded.doubts] == pieces
        found += len(pieces)
    assert found > 0
