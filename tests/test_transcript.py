"""Records check their fields, and the parsers take whatever a model writes."""

from __future__ import annotations

import json
import math
import operator
import re
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kikitori.errors import OutputError, SpeechError
from kikitori.output.writers import WRITERS, Layout
from kikitori.strings import join_texts
from kikitori.text.tags import CONTROL_TOKENS, SPEAKERS, parse_plain, parse_turns
from kikitori.transcript import MAX_TIME_SECONDS, Transcript, TranscriptWarning, Turn, Word

TAG = re.compile(r"<\|spk_[0-9]+\|>")
CALL = "<|spk_0|> はい、お電話ありがとうございます。 <|spk_1|> すいません、予約を。 <|spk_0|> はい。"


def transcript(*turns: Turn, **changes) -> Transcript:
    fields = {
        "audio": "call.wav",
        "turns": turns,
        "direction": "diarize",
        "language": "Japanese",
        "checkpoint": "someone/checkpoint@1234567",
        "duration_seconds": 12.5,
        "raw_text": CALL,
        **changes,
    }
    return Transcript(**fields)


def kinds(warnings: tuple[TranscriptWarning, ...]) -> list[str]:
    return [warning.kind for warning in warnings]


# Turns


@pytest.mark.parametrize(
    "turn",
    [
        {"speaker": "spk_0", "text": "はい。"},
        {"speaker": None, "text": "Olá.", "start_seconds": 0, "end_seconds": 0, "timing": "window"},
        {"speaker": "A", "text": "x", "start_seconds": 1.5, "end_seconds": 2, "timing": "aligned"},
        {"speaker": "A", "text": "x", "start_seconds": 1e7, "end_seconds": MAX_TIME_SECONDS, "timing": "window"},
        {"speaker": "A", "text": "abc", "low_confidence": ((0, 1), (1, 3))},
    ],
)
def test_valid_turns(turn):
    made = Turn(**turn)
    assert {name: getattr(made, name) for name in turn} == turn


@pytest.mark.parametrize(
    ("turn", "complaint"),
    [
        ({"speaker": ""}, "must be a label or None"),
        ({"text": ""}, "stripped and not empty"),
        ({"text": " "}, "stripped and not empty"),
        ({"text": "a "}, "stripped and not empty"),
        ({"text": "\u3000a"}, "stripped and not empty"),
        ({"timing": "aligned"}, "must have no timing"),
        ({"start_seconds": 1.0, "timing": "aligned"}, "both be None or both be numbers"),
        ({"end_seconds": 1.0, "timing": "aligned"}, "both be None or both be numbers"),
        ({"start_seconds": 0.0, "end_seconds": math.inf, "timing": "aligned"}, "end <= 10000000 s"),
        ({"start_seconds": math.nan, "end_seconds": 1.0, "timing": "aligned"}, "0 <= start"),
        ({"start_seconds": -0.1, "end_seconds": 1.0, "timing": "aligned"}, "0 <= start <= end"),
        ({"start_seconds": 2.0, "end_seconds": 1.0, "timing": "aligned"}, "0 <= start <= end"),
        ({"start_seconds": 0.0, "end_seconds": 1e306, "timing": "window"}, "end <= 10000000 s, but are (0.0, 1e+306)"),
        ({"low_confidence": ((0, 4),)}, "ranges of its text"),
        ({"low_confidence": ((1, 1),)}, "ranges of its text"),
        ({"low_confidence": ((1, 2), (0, 1))}, "ranges of its text"),
        ({"start_seconds": 0.0, "end_seconds": 1.0}, "must have a timing"),
        ({"start_seconds": 0.0, "end_seconds": 1.0, "timing": "guessed"}, "must have a timing"),
    ],
)
def test_invalid_turns(turn, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Turn(**{"speaker": "spk_0", "text": "はい。", **turn})


@pytest.mark.parametrize("times", [(0.0, 0.0), (-1.0, 1.0), (0.0, 1e306), (0.0, math.nan), (2.0, 1.0)])
def test_words_with_impossible_times(times):
    with pytest.raises(ValueError, match="0 <= start < end <= 10000000 s"):
        Word("a", *times)


# Transcripts


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"turns": [Turn(None, "a")]}, "turns must be a tuple of Turn"),
        ({"turns": ("a",)}, "turns must be a tuple of Turn"),
        ({"warnings": ("a",)}, "warnings must be a tuple of TranscriptWarning"),
        ({"direction": ""}, "direction must not be empty"),
        ({"checkpoint": ""}, "checkpoint must not be empty"),
        ({"duration_seconds": -1.0}, "0 <= duration <= 10000000 s"),
        ({"duration_seconds": math.nan}, "0 <= duration <= 10000000 s"),
        ({"duration_seconds": 1e306}, "0 <= duration <= 10000000 s"),
        ({"duration_seconds": math.inf}, "0 <= duration <= 10000000 s"),
    ],
)
def test_invalid_transcripts(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        transcript(**changes)


def test_records_cannot_be_changed():
    with pytest.raises(AttributeError):
        Turn(None, "a").text = "b"
    with pytest.raises(AttributeError):
        transcript().turns = ()


def test_text_has_no_labels():
    japanese = transcript(Turn("spk_0", "はい。"), Turn("spk_1", "もしもし"), Turn("spk_0", "え"))
    assert japanese.text == "はい。もしもしえ"
    english = transcript(Turn(None, "One."), Turn(None, "Two."), language="English")
    assert english.text == "One. Two."
    assert transcript().text == ""


def test_speakers_are_in_the_order_of_their_first_words():
    labels = ("spk_1", None, "spk_0", "spk_1", "spk_2")
    assert transcript(*(Turn(label, "a") for label in labels)).speakers == (
        "spk_1",
        "spk_0",
        "spk_2",
    )


def test_to_dict_has_every_field():
    made = transcript(
        Turn("spk_0", "はい。", 0.5, 1.25, "aligned"),
        Turn(None, "え"),
        warnings=(TranscriptWarning("untagged", "a sentence"),),
    )
    assert made.to_dict() == {
        "audio": "call.wav",
        "direction": "diarize",
        "language": "Japanese",
        "checkpoint": "someone/checkpoint@1234567",
        "duration_seconds": 12.5,
        "text": "はい。え",
        "turns": [
            {
                "speaker": "spk_0",
                "text": "はい。",
                "start_seconds": 0.5,
                "end_seconds": 1.25,
                "timing": "aligned",
                "words": [],
                "low_confidence": [],
                "doubts": [],
                "source": "",
                "language": "",
            },
            {
                "speaker": None,
                "text": "え",
                "start_seconds": None,
                "end_seconds": None,
                "timing": None,
                "words": [],
                "low_confidence": [],
                "doubts": [],
                "source": "",
                "language": "",
            },
        ],
        "raw_text": CALL,
        "warnings": [
            {"kind": "untagged", "message": "a sentence", "start_seconds": None, "end_seconds": None, "values": {}},
        ],
        "replacements": [],
    }


WORDS = st.text(min_size=1).map(str.strip).filter(bool)
# No subnormal numbers: a library that other tests import makes the processor flush them to zero.
TIMES = st.one_of(
    st.just((None, None, None)),
    st.tuples(
        *2 * [st.floats(0, 1e6, allow_subnormal=False)],
        st.sampled_from(["aligned", "estimated", "window"]),
    ).map(lambda times: (*sorted(times[:2]), times[2])),
)
TURNS = st.builds(
    lambda speaker, text, times: Turn(speaker, text, *times),
    st.none() | st.text(min_size=1),
    WORDS,
    TIMES,
)
TRANSCRIPTS = st.builds(
    Transcript,
    audio=WORDS,
    turns=st.lists(TURNS).map(tuple),
    direction=WORDS,
    language=WORDS,
    checkpoint=WORDS,
    duration_seconds=st.floats(0, 1e6, allow_subnormal=False),
    raw_text=st.text(),
    warnings=st.lists(st.builds(TranscriptWarning, WORDS, WORDS)).map(tuple),
    replacements=st.lists(st.tuples(WORDS, st.text())).map(tuple),
)


@pytest.mark.slow
@settings(deadline=None)
@given(TRANSCRIPTS)
def test_from_dict_is_the_inverse_of_to_dict_even_through_json(made):
    assert Transcript.from_dict(made.to_dict()) == made
    assert Transcript.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_a_transcript_of_an_earlier_release_can_be_read():
    """Its JSON has the key `doubts` alone, and no replacements."""
    made = transcript(Turn("spk_0", "はい。", low_confidence=((0, 2),)))
    record = made.to_dict()
    assert record["turns"][0]["doubts"] == record["turns"][0].pop("low_confidence")
    assert record.pop("replacements") == []
    assert Transcript.from_dict(record) == made


ALIGNED = Turn("spk_0", "はい。", 0.5, 1.25, "aligned", (Word("はい。", 0.5, 1.25),), ((0, 2),))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (["audio"], ["call.wav"]),
        (["raw_text"], 5),
        (["duration_seconds"], "12"),
        (["turns", 0], True),
        (["turns", 0, "speaker"], ["spk_0"]),
        (["turns", 0, "text"], ["はい。"]),
        (["turns", 0, "source"], None),
        (["turns", 0, "end_seconds"], "1.25"),
        (["turns", 0, "timing"], ["aligned"]),
        (["turns", 0, "low_confidence"], [[0, 1.5]]),
        (["turns", 0, "words", 0], "はい。"),
        (["turns", 0, "words", 0, "start_seconds"], None),
        (["warnings", 0, "kind"], {}),
        (["warnings", 0, "values"], "it"),
        (["warnings", 0, "end_seconds"], "3"),
        *((["replacements"], value) for value in (None, 5, [5], [["a"]], [["a", 5]], [["a", "b", "c"]])),
    ],
    ids=lambda value: "/".join(map(str, value)) if isinstance(value, list) else None,
)
def test_from_dict_refuses_values_of_other_types(place, value):
    """Each of them comes from a stranger who sends a transcript to the page."""
    made = Transcript("a", (ALIGNED,), "pt", "Portuguese", "tiny", 2.0, "", (TranscriptWarning("loop", "again"),))
    record = json.loads(made.to_json())
    assert Transcript.from_dict(record) == made
    *outer, last = place
    holder = reduce(operator.getitem, outer, record)
    holder[last] = value
    with pytest.raises((KeyError, TypeError, ValueError)):
        Transcript.from_dict(record)


def test_repr_is_short():
    made = transcript(
        Turn("spk_0", "はい、" * 30),
        Turn("spk_1", "もしもし"),
        warnings=(TranscriptWarning("untagged", "a sentence"),),
        duration_seconds=125.0,
    )
    beginning = "はい、" * 13
    assert repr(made) == (
        f"<Transcript of 'call.wav': diarize, 2 min 5 s, 2 turns, 2 speakers, 1 warning, '{beginning}…'>"
    )
    assert repr(transcript()) == "<Transcript of 'call.wav': diarize, 12 s, 0 turns, ''>"


# Transcripts as files


TIMED = transcript(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"), Turn("spk_1", "もしもし。", 1.5, 3.0, "aligned"))


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_transcript_writes_itself_in_every_format(tmp_path, suffix):
    expected = WRITERS[suffix](TIMED)
    assert getattr(TIMED, f"to_{suffix}")() == expected
    for name in (f"a.{suffix}", f"a.b.{suffix.upper()}"):
        TIMED.save(tmp_path / name)
        assert (tmp_path / name).read_bytes() == expected.encode()
    TIMED.save(str(tmp_path / f"c.{suffix}"))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_subtitles_take_their_size_as_arguments(suffix):
    write = getattr(TIMED, f"to_{suffix}")
    assert write(max_line_width=2, max_line_count=1) == WRITERS[suffix](TIMED, Layout(2, 1)) != write()
    with pytest.raises(ValueError, match="max_line_width must be a whole number of at least 1"):
        write(max_line_width=0)


@pytest.mark.parametrize("name", ["call.docx", "call", ".srt"])
def test_another_suffix_is_an_error_that_names_the_suffixes(tmp_path, name):
    with pytest.raises(ValueError, match=rf"^{name} must end in one of \.txt, \.srt, \.vtt, \.tsv, \.json, \.rttm"):
        TIMED.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_saving_without_times_or_without_a_folder_is_one_clear_error(tmp_path):
    with pytest.raises(SpeechError, match=r"^call\.wav has turns without times"):
        transcript(Turn(None, "a")).save(tmp_path / "call.srt")
    with pytest.raises(OutputError, match=r"call\.srt cannot be written \(No such file or directory\)"):
        TIMED.save(tmp_path / "missing" / "call.srt")
    assert list(tmp_path.iterdir()) == []


# Joined texts


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        (["はい。", "ええ"], "はい。ええ"),
        (["予約は", "ABC", "です"], "予約はABCです"),
        (["Olá.", "Tudo bem?"], "Olá. Tudo bem?"),
        (["090", "1234"], "090 1234"),
        ([" a ", "", "  ", "\nb"], "a b"),
        (["！", "OK"], "！OK"),
        (["ＡＢ", "ＯＫ"], "ＡＢＯＫ"),
        (["你好。", "请坐"], "你好。请坐"),
        (["สวัสดี", "ครับ"], "สวัสดีครับ"),
        (["네.", "안녕하세요"], "네. 안녕하세요"),
        (["नमस्ते।", "जी"], "नमस्ते। जी"),
        (["نعم،", "مرحبا"], "نعم، مرحبا"),
        (["Да.", "Нет."], "Да. Нет."),
        (["100·", "50"], "100· 50"),
        ([], ""),
    ],
)
def test_texts_are_joined_by_a_space_except_in_scripts_without_spaces(texts, joined):
    assert join_texts(texts) == joined


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
@settings(deadline=None, max_examples=300)
@given(PIECES)
def test_no_character_is_lost_or_added(pieces):
    tokens = {piece for piece in pieces if TAG.fullmatch(piece) or piece in CONTROL_TOKENS}
    words = black("".join(piece for piece in pieces if piece not in tokens))
    for parse in (parse_turns, parse_plain):
        turns, _ = parse("".join(pieces))
        assert black("".join(turn.text for turn in turns)) == words


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
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
@settings(deadline=None, max_examples=500)
@given(st.text() | FRAGMENTS)
def test_no_text_breaks_the_parsers_and_no_tag_survives(raw_text):
    for parse in (parse_turns, parse_plain):
        turns, warnings = parse(raw_text)
        for turn in turns:
            assert not TAG.search(turn.text)
            assert not any(token in turn.text for token in CONTROL_TOKENS)
        assert len(set(kinds(warnings))) == len(warnings)


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
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
