"""Records check their fields, become JSON and files, and come back from JSON."""

from __future__ import annotations

import json
import math
import operator
import re
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kikitori.errors import OutputError, SpeechError
from kikitori.output.writers import WRITERS, Layout
from kikitori.strings import join_texts
from kikitori.transcript import MAX_TIME_SECONDS, Transcript, TranscriptWarning, Turn, Word

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
