"""The Word document, as python-docx reads it back."""

from __future__ import annotations

import io
from dataclasses import replace

from docx import Document
from docx.oxml.ns import qn

from kikitori.output.document import write_docx
from kikitori.transcript import Transcript, Turn
from kikitori.update import partial_warning

CALL = Transcript(
    audio="my call.v2.wav",
    turns=(
        Turn("Operator", "Hello,\nthis is \x0b Mari.", 1.0, 4.0, "window", source="もしもし。"),
        Turn("spk_1", "Yes.", 1.0, 4.0, "window"),
        Turn(None, "صباح الخير", 3725.0, 3730.0, "aligned", language="Arabic"),
    ),
    direction="ja2en",
    language="English",
    checkpoint="tiny",
    duration_seconds=3730.0,
    raw_text="",
)


def read(transcript: Transcript):
    return Document(io.BytesIO(write_docx(transcript)))


def languages(paragraph) -> list[str]:
    return [tag.get(qn("w:bidi")) for tag in paragraph._p.iter(qn("w:lang"))]


def test_a_document_has_a_heading_and_one_paragraph_per_turn():
    heading, *paragraphs = read(CALL).paragraphs
    assert (heading.style.name, heading.text) == ("Heading 1", "my call.v2")
    assert [paragraph.text for paragraph in paragraphs] == [
        "Operator  0:01\nHello, this is Mari.\nもしもし。",
        "spk_1  0:03\nYes.",
        "1:02:05\nصباح الخير",
    ]
    assert [[run.text for run in paragraph.runs if run.bold] for paragraph in paragraphs] == [
        ["Operator"],
        ["spk_1"],
        [],
    ]


def test_each_text_has_its_language_and_its_direction():
    _, *paragraphs = read(CALL).paragraphs
    assert list(map(languages, paragraphs)) == [["en", "ja"], ["en"], ["ar"]]
    assert [paragraph._p.find(f".//{qn('w:bidi')}") is not None for paragraph in paragraphs] == [False, False, True]
    assert [run.text for paragraph in paragraphs for run in paragraph.runs if run.font.rtl] == ["صباح الخير"]


def test_a_document_names_its_recording_and_no_author():
    properties = read(CALL).core_properties
    assert (properties.title, properties.author, properties.comments) == ("my call.v2", "", "")


def test_an_incomplete_transcript_says_so_at_the_end():
    partial = replace(CALL, warnings=(partial_warning(405),))
    *others, notice = read(partial).paragraphs
    assert notice.text == "[incomplete: only the first 6 min 45 s are in this transcript]"
    assert [one.text for one in others] == [one.text for one in read(CALL).paragraphs]


def test_what_xml_cannot_hold_is_replaced():
    turn = replace(CALL.turns[0], speaker="a\0b", text="x\ud800y\ufffe", source="")
    heading, paragraph = read(replace(CALL, audio="\x01.wav", turns=(turn,))).paragraphs
    assert heading.text == "\ufffd"
    assert paragraph.text == "a\ufffdb  0:01\nx\ufffdy\ufffd"
