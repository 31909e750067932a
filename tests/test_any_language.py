"""The direction `transcribe`: any language, detected or chosen, also where it changes within a recording."""

from __future__ import annotations

import json
from itertools import groupby

import numpy as np
import pytest

from kikitori.audio.files import load_audio
from kikitori.audio.windows import cut_windows
from kikitori.cli.run import main
from kikitori.errors import TaskError
from kikitori.language_changes import split_by_language
from kikitori.languages import ALIGNABLE, CODES, find_language
from kikitori.result import DecodingResult
from kikitori.tasks import choose_checkpoints, choose_task
from kikitori.text.detected_language import split_language
from kikitori.transcribe import load_model, transcribe
from kikitori.transcript import Transcript
from tests.support.engines import ScriptedEngine
from tests.support.recordings import RECORDINGS, example, recordings_in

SPOKEN = {"ja2en": "Japanese", "en2ja": "English", "pt": "Portuguese"}
PAUSE = np.zeros(8000, np.float32)


def said(recording) -> str:
    """The words in the language in which they were spoken."""
    return recording.said or recording.text


def joined(recordings) -> np.ndarray:
    return np.concatenate([part for one in recordings for part in (load_audio(one.path), PAUSE)])


@pytest.fixture(scope="module")
def detecting():
    return load_model("transcribe", checkpoint="tiny")


@pytest.mark.slow
@pytest.mark.parametrize("direction", SPOKEN)
def test_the_language_is_detected_and_the_words_are_those_that_were_said(detecting, direction):
    for recording in recordings_in(RECORDINGS, direction):
        transcript = transcribe(detecting, recording.path)
        assert (transcript.language, transcript.text) == (SPOKEN[direction], said(recording))
        assert [turn.language for turn in transcript.turns] == [SPOKEN[direction]]
        assert transcript.raw_text.startswith(f"language {SPOKEN[direction]}<asr_text>")
        assert transcript.warnings == ()


@pytest.mark.slow
@pytest.mark.parametrize("direction", SPOKEN)
def test_a_chosen_language_writes_the_same_words(direction):
    model = load_model("transcribe", checkpoint="tiny", language=CODES[SPOKEN[direction]])
    for recording in recordings_in(RECORDINGS, direction):
        transcript = transcribe(model, recording.path)
        assert (transcript.language, transcript.text) == (SPOKEN[direction], said(recording))
        assert transcript.turns[0].language == ""


@pytest.mark.slow
def test_turns_show_where_the_language_changes(detecting):
    order = ("en2ja", "pt", "ja2en", "pt", "en2ja")
    recordings = [recordings_in(RECORDINGS, direction)[1] for direction in order]
    transcript = transcribe(detecting, joined(recordings))
    assert [(turn.language, turn.text) for turn in transcript.turns] == [
        (SPOKEN[one.direction], said(one)) for one in recordings
    ]
    assert transcript.language == "Portuguese"  # of most of the text
    assert Transcript.from_dict(transcript.to_dict()) == transcript
    starts = np.cumsum([0, *(len(load_audio(one.path)) / 16000 + 0.5 for one in recordings)])
    for turn, start, end in zip(transcript.turns, starts, starts[1:], strict=False):
        assert start <= turn.start_seconds < turn.end_seconds <= end


@pytest.mark.slow
def test_the_example_in_three_languages(detecting):
    recording = example("three_languages")
    transcript = transcribe(detecting, recording.path)
    assert (transcript.text, transcript.warnings) == (recording.reference, ())
    languages = [language for language, _ in groupby(turn.language for turn in transcript.turns)]
    assert languages == ["English", "Japanese", "Portuguese"]


def test_words_have_times_where_the_aligner_knows_the_language(detecting):
    recordings = [recordings_in(RECORDINGS, direction)[1] for direction in ("en2ja", "pt")]
    transcript = transcribe(detecting, joined(recordings), align=True)
    assert [(turn.timing, "".join(word.text for word in turn.words)) for turn in transcript.turns] == [
        ("aligned", said(one)) for one in recordings
    ]


def scripted(*answers: str):
    """A model whose engine gives these answers one after another."""
    left = iter(answers)
    model = load_model("transcribe", checkpoint="tiny")
    return model.__class__(model.task, model.checkpoint, ScriptedEngine(lambda waveform: next(left)))


def test_a_language_that_the_aligner_does_not_know_has_estimated_times():
    transcript = transcribe(
        scripted("language Greek<asr_text>Καλημέρα."), joined(recordings_in(RECORDINGS, "pt")[:1]), align=True
    )
    assert (transcript.language, transcript.text, transcript.turns[0].timing) == ("Greek", "Καλημέρα.", "estimated")
    (warning,) = transcript.warnings
    assert warning.kind == "not_aligned" and warning.message.endswith("the aligner does not know Greek")


def test_no_speech_is_an_empty_transcript():
    transcript = transcribe(scripted("language None<asr_text>"), joined(recordings_in(RECORDINGS, "pt")[:1]))
    assert (transcript.language, transcript.turns) == ("", ())
    assert [warning.kind for warning in transcript.warnings] == ["no_speech"]
    assert Transcript.from_dict(transcript.to_dict()) == transcript


def test_word_times_in_another_language_are_refused_before_anything_is_read():
    model = load_model("transcribe", checkpoint="tiny", language="Greek")
    with pytest.raises(TaskError, match=f"the aligner does not know Greek, only {', '.join(ALIGNABLE)}"):
        transcribe(model, "missing.wav", align=True)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("pt", "Portuguese"),
        ("PT-br", "Portuguese"),
        ("portuguese", "Portuguese"),
        ("zh_Hant", "Chinese"),
        ("yue", "Cantonese"),
        ("Farsi", "Persian"),
        (" auto ", None),
    ],
)
def test_languages_are_found_by_name_and_code(written, name):
    assert find_language(written) == name


@pytest.mark.parametrize("written", ["", "klingon", "p", "auto-pt", 5, True])
def test_an_unknown_language_is_an_error_that_lists_them(written):
    with pytest.raises(TaskError, match=f"{written!r} is not a language of this model: choose auto or one of Arabic,"):
        find_language(written)


def test_names_are_those_of_qwen_asr():
    from qwen_asr.inference.utils import SUPPORTED_LANGUAGES

    assert sorted(CODES) == sorted(SUPPORTED_LANGUAGES)
    assert set(ALIGNABLE) < set(CODES) and len(ALIGNABLE) == 11


def test_only_transcribe_takes_a_language():
    assert choose_task("pt", "auto").language == "Portuguese"
    with pytest.raises(TaskError, match="pt has its own language"):
        choose_task("pt", "English")


def test_the_smaller_base_model_is_chosen_by_its_size():
    assert choose_checkpoints(size="0.6b")["base"].repo_id == "Qwen/Qwen3-ASR-0.6B"
    assert choose_checkpoints(["base=tiny"], size="0.6b")["base"].name == "tiny"
    with pytest.raises(TaskError, match=r"no base model of the size '7b': choose 1\.7b or 0\.6b"):
        choose_checkpoints(size="7b")


@pytest.mark.parametrize(
    ("text", "ended_by", "expected"),
    [
        ("language Thai<asr_text>สวัสดี", "end", ("Thai", "สวัสดี", ((0, 3),))),
        ("language None<asr_text>", "end", ("None", "", ())),
        ("lang", "cancelled", ("", "", ())),
        ("language Port", "cancelled", ("", "", ())),
        ("language Port", "end", ("", "language Port", ())),
        ("Bom dia.", "cancelled", ("", "Bom dia.", ())),
        ("language was never his strength, and he knew it", "cancelled", ("", None, ())),
    ],
)
def test_the_language_is_taken_from_the_text(text, ended_by, expected):
    low_confidence = ((9, 13), (20, 26)) if "สวัสดี" in text else ()
    split = split_language(DecodingResult(text, ended_by, low_confidence=low_confidence))
    language, words, ranges = expected
    assert (split.language, split.text, split.low_confidence) == (language, text if words is None else words, ranges)
    assert split.raw_text == text or not split.text


def test_parts_whose_language_is_unknown_follow_what_comes_before():
    sound = joined([recordings_in(RECORDINGS, direction)[1] for direction in ("pt", "en2ja", "pt", "en2ja")])
    answers = iter(["language None<asr_text>", "language French<asr_text>", "Oh", "language Greek<asr_text>"])
    engine = ScriptedEngine(lambda waveform: DecodingResult(next(answers), "budget", (1, 2, 3), (0.0, 0.0, 0.0)))
    (window,) = cut_windows([sound], 30)
    split = list(split_by_language([window], engine))
    assert [len(part.pieces) for part in split] == [3, 1]
    assert [piece for part in split for piece in part.pieces] == list(window.pieces)


def test_the_shell_shows_the_language(tmp_path, capsys):
    recording = recordings_in(RECORDINGS, "en2ja")[0]
    command = [str(recording.path), "--direction", "transcribe", "--checkpoint", "tiny", "-f", "json"]
    assert main(command) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["language"], record["text"]) == ("English", recording.said)
    assert main([*command, "--language", "en"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == recording.said


def test_another_language_than_the_chosen_one_is_noticed(capsys):
    recording = recordings_in(RECORDINGS, "en2ja")[0]
    command = [str(recording.path), "--direction", "transcribe", "--checkpoint", "tiny", "--language", "pt"]
    assert main(command) == 3
    assert "to be in English, and Portuguese was chosen: choose English, or auto" in capsys.readouterr().err
