"""A transcript as a Word document (.docx), by the library python-docx."""

from __future__ import annotations

import io
import re
from datetime import datetime, timezone
from pathlib import Path

from docx import Document
from docx.document import Document as DocumentObject
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Pt, RGBColor
from docx.text.paragraph import Paragraph
from docx.text.run import Run

from kikitori.languages import CODES
from kikitori.output.languages import spoken_language
from kikitori.output.subtitles import timed_turns
from kikitori.output.writers import notices_of, one_line
from kikitori.strings import format_time, is_right_to_left
from kikitori.transcript import Transcript, Turn

GREY = RGBColor(0x59, 0x59, 0x59)
SPACE_AFTER = Pt(8)

_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_docx(transcript: Transcript) -> bytes:
    """Write a document: a heading with the recording's name, then one paragraph per turn.

    A paragraph has the speaker in bold and the start of the turn, then its text and, in grey, its source, each on a
    line of its own. Text from right to left is marked as such, and each text has its language, by which Word chooses
    fonts and checks spelling. If the transcript is incomplete, the last paragraph says so. Characters that XML can't
    hold become U+FFFD. Raises SpeechError if a turn has no times.
    """
    document = _new_document(_storable(Path(transcript.audio).stem))
    for turn in timed_turns(transcript):
        _add_turn(_add_paragraph(document), turn, transcript)
    for notice in notices_of(transcript):
        _add_paragraph(document).add_run(_storable(notice)).italic = True
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def _new_document(name: str) -> DocumentObject:
    document = Document()
    properties = document.core_properties
    properties.title, properties.author, properties.comments = name[:255], "", ""
    properties.created = properties.modified = datetime.now(timezone.utc)
    document.styles["Normal"].paragraph_format.space_after = SPACE_AFTER
    heading = document.add_heading(name, 1)
    _set_direction(heading, name)
    return document


def _add_paragraph(document: DocumentObject) -> Paragraph:
    """Add an empty paragraph before the section's properties, which end the body.

    python-docx's own way goes through all earlier paragraphs to find that place.
    """
    element = OxmlElement("w:p")
    document.element.body[-1].addprevious(element)
    return Paragraph(element, document._body)


def _add_turn(paragraph: Paragraph, turn: Turn, transcript: Transcript) -> None:
    """Fill a paragraph. A line break in a run's text becomes one in the document."""
    time = format_time(turn.start_seconds)
    if turn.speaker is not None:
        paragraph.add_run(_storable(" ".join(turn.speaker.split()))).bold = True
        time = f"  {time}"
    paragraph.add_run(f"{time}\n").font.color.rgb = GREY
    _add_text(paragraph, one_line(turn.text), turn.language or transcript.language)
    if turn.source:
        source = "\n" * bool(turn.text) + one_line(turn.source)
        _add_text(paragraph, source, spoken_language(transcript)).font.color.rgb = GREY
    _set_direction(paragraph, turn.text or turn.source)


def _add_text(paragraph: Paragraph, text: str, language: str) -> Run:
    run = paragraph.add_run(_storable(text))
    if language in CODES:
        # Latin, East Asian and right-to-left characters have an attribute each.
        tag = OxmlElement("w:lang", {qn(f"w:{kind}"): CODES[language] for kind in ("val", "eastAsia", "bidi")})
        run._r.get_or_add_rPr().append(tag)
    return run


def _set_direction(paragraph: Paragraph, text: str) -> None:
    if not is_right_to_left(text):
        return
    paragraph._p.get_or_add_pPr().append(OxmlElement("w:bidi"))
    for run in paragraph.runs:
        if is_right_to_left(run.text):
            run.font.rtl = True


def _storable(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
