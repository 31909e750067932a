"""Low confidence, from the tokens to the turns."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from kikitori import load_model
from kikitori.audio.files import load_audio
from kikitori.model.generate import decode
from kikitori.text.confidence import LOW_CONFIDENCE_PROBABILITY, mark_low_confidence, unsure_share
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn
from tests.support.recordings import RECORDINGS, recordings_in

PART = "\ufffd"
RAW = "<|spk_0|> はい。 もしもし<|im_end|> <|spk_1|> ええ と"


def unsure_texts(turns) -> list[str]:
    return [turn.text[start:end] for turn in turns for start, end in turn.low_confidence]


def test_low_confidence_moves_from_the_raw_text_to_the_turns():
    turns = parse_turns(RAW)[0]
    at = RAW.index("い")
    marked = mark_low_confidence(turns, RAW, [(at, RAW.index("も") + 1), (RAW.index("と"), len(RAW)), (2, 5)])
    assert unsure_texts(marked) == ["い。", "も", "と"]
    assert [turn.text for turn in marked] == [turn.text for turn in turns]


@given(st.lists(st.sampled_from(["<|spk_0|>", "<|spk_1|>", " ", "あ", "b", "<asr_text>", "。"])), st.data())
def test_the_marked_letters_are_the_unsure_ones(pieces, data):
    raw = "".join(pieces)
    places = st.integers(0, len(raw))
    low_confidence = [tuple(sorted((data.draw(places), data.draw(places)))) for _ in range(2)]
    marked = mark_low_confidence(parse_turns(raw)[0], raw, low_confidence)
    inside = [
        piece
        for number, piece in enumerate(pieces)
        if len(piece) == 1
        and piece != " "
        and any(start <= len("".join(pieces[:number])) < end for start, end in low_confidence)
    ]
    assert "".join("".join(unsure_texts(marked)).split()) == "".join(inside)


def test_the_unsure_share_counts_words_and_without_spaces_characters():
    portuguese = (
        Turn(None, "Bom dia, Ana.", low_confidence=((4, 5),)),
        Turn(None, "Sim.", low_confidence=((0, 1), (2, 4))),
    )
    assert unsure_share(portuguese, "Portuguese") == 2 / 4
    assert unsure_share((Turn("spk_0", "はい そう", low_confidence=((1, 2),)),), "Japanese") == 1 / 4
    assert unsure_share((Turn(None, "Sim.", low_confidence=((0, 4),)),), "English") == 1.0
    assert unsure_share((), "English") == 0.0
    assert unsure_share((Turn(None, "น้ำ ส้ม", low_confidence=((0, 1),)),), "Thai") == 1 / 3  # น้ำ, ส้, ม
    korean = Turn(None, "네, 좋아요.", low_confidence=((0, 1),), language="Korean")
    assert unsure_share((korean, Turn(None, "好的", language="Chinese")), "") == 1 / 4


def test_the_tiny_checkpoint_marks_its_unlikely_tokens():
    """On clips that end in the middle of a word, which it has to guess."""
    recognizer = load_model("pt", checkpoint="tiny").engine.recognizer
    clips = [load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")]
    found = 0
    parts = [clip[: len(clip) * part // 10] for clip in clips for part in (4, 6, 8)]
    for decoded in decode(recognizer, parts, "Portuguese"):
        words = decoded.ids[:-1] if decoded.ended_by == "end" else decoded.ids
        pairs = zip(words, decoded.log_probabilities, strict=False)
        unlikely = [token for token, log_probability in pairs if log_probability < math.log(LOW_CONFIDENCE_PROBABILITY)]
        pieces = [recognizer.tokenizer.decode([token]).strip() for token in unlikely]
        marked = [decoded.text[start:end].strip() for start, end in decoded.low_confidence]
        # A token may be a part of a letter: then the letter is marked.
        assert [PART if piece == PART else text for text, piece in zip(marked, pieces, strict=True)] == pieces
        assert all(len(text) == 1 for text, piece in zip(marked, pieces, strict=True) if piece == PART)
        found += len(pieces)
    assert found > 0
