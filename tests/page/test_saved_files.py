"""The files that the page asks for."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import replace

import pytest
from docx import Document

from kikitori.errors import SpeechError
from kikitori.output.writers import WRITERS
from kikitori.page.files import FOR_PEOPLE, FORMATS, MAX_CHARACTERS, write_file
from kikitori.transcript import Transcript, Turn
from kikitori.update import partial_warning

CALL = Transcript(
    audio="call.wav",
    turns=(
        Turn("spk_0", "はい。", 0.5, 9.0, "window"),
        Turn("spk_1", "もしもし。", 0.5, 9.0, "window"),
    ),
    direction="diarize",
    language="Japanese",
    checkpoint="tiny",
    duration_seconds=12.5,
    raw_text="<|spk_0|> はい。",
)
TIMES = [[0.5, 3.25], [3.25, 9.0]]
TIMED = replace(
    CALL,
    turns=tuple(
        replace(turn, start_seconds=start, end_seconds=end, timing="estimated")
        for turn, (start, end) in zip(CALL.turns, TIMES, strict=True)
    ),
)
ENGLISH = replace(
    TIMED,
    turns=(replace(TIMED.turns[0], text="Yes.", source="はい。"),),
    direction="ja2en",
    language="English",
    warnings=(partial_warning(3.25),),
)


def sent(transcript: Transcript, name: str = "call", times: list | None = None) -> dict:
    shown = times or [[turn.start_seconds, turn.end_seconds] for turn in transcript.turns]
    return {"name": name, "transcript": transcript.to_dict(), "times": shown}


def written(suffix: str, *sheets: dict, texts: str = "both") -> bytes:
    file = write_file(suffix, texts, list(sheets))
    return file["text"].encode() if "text" in file else base64.b64decode(file["data"])


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def paragraphs(content: bytes) -> list[str]:
    return [paragraph.text for paragraph in Document(io.BytesIO(content)).paragraphs]


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_equals_the_command_lines_with_the_times_of_the_page(suffix):
    assert written(suffix, sent(CALL, times=TIMES)).decode() == WRITERS[suffix](TIMED)


def test_the_texts_of_a_translation_can_be_chosen():
    assert written("txt", sent(ENGLISH)).decode().startswith("[spk_0]: Yes.\nはい。\n")
    assert written("txt", sent(ENGLISH), texts="translation").decode().startswith("[spk_0]: Yes.\n[incomplete")
    assert written("txt", sent(ENGLISH), texts="original").decode().startswith("[spk_0]: はい。\n[incomplete")


@pytest.mark.parametrize("suffix", ["txt", "times.txt", "srt", "vtt", "docx"])
def test_every_file_for_people_says_that_a_transcript_is_incomplete(suffix):
    content = written(suffix, sent(ENGLISH))
    text = "\n".join(paragraphs(content)) if suffix == "docx" else content.decode()
    assert "[incomplete: only the first 3.25 s are in this transcript]" in text


@pytest.mark.slow
@pytest.mark.parametrize("texts", ["both", "original", "translation"])
def test_a_zip_has_every_file_of_every_sheet(texts):
    sheets = {"通話": sent(CALL, "通話", TIMES), "call.en": sent(ENGLISH, "call.en")}
    files = unzipped(written("zip", *sheets.values(), texts=texts))
    assert set(files) == {f"{name}.{suffix}" for name in sheets for suffix in FORMATS}
    for name, sheet in sheets.items():
        for suffix in FORMATS.keys() - {"docx"}:
            assert files[f"{name}.{suffix}"] == written(suffix, sheet, texts=texts)
        assert paragraphs(files[f"{name}.docx"]) == paragraphs(written("docx", sheet, texts=texts))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", FORMATS)
def test_files_for_people_have_the_speakers_names_of_the_page(suffix):
    sheet = sent(TIMED) | {"speakers": {"spk_0": "Speaker 1"}}
    content = written(suffix, sheet)
    text = "\n".join(paragraphs(content)) if suffix == "docx" else content.decode()
    assert ("Speaker 1" in text, "spk_0" in text) == ((suffix in FOR_PEOPLE), (suffix not in FOR_PEOPLE))
    assert "spk_1" in text
    assert unzipped(written("zip", sheet))[f"call.{suffix}"] == content or suffix == "docx"


def test_a_zip_without_speakers_has_no_file_about_speakers():
    alone = replace(TIMED, turns=(replace(TIMED.turns[0], speaker=None),))
    assert set(unzipped(written("zip", sent(alone)))) == {f"call.{suffix}" for suffix in FORMATS if suffix != "rttm"}


def test_a_name_in_a_zip_has_no_folder():
    assert "passwd.txt" in unzipped(written("zip", sent(TIMED, "../../etc/passwd")))


def test_the_sheets_of_a_zip_may_together_be_as_long_as_one_file():
    half = replace(TIMED, turns=(replace(TIMED.turns[0], text="a" * (MAX_CHARACTERS // 2 + 1)),))
    with pytest.raises(SpeechError, match="together have 400,002 characters; a zip holds at most 400,000: save them"):
        written("zip", sent(half, "a"), sent(half, "b"))
