"""The files that static/downloads.js asks for: one format of a transcript, or all of them in a zip."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from kikitori.errors import SpeechError
from kikitori.output.document import write_docx
from kikitori.output.languages import choose_texts
from kikitori.output.readable import write_readable, write_readable_with_times
from kikitori.output.writers import WRITERS
from kikitori.transcript import Transcript, Turn

MAX_CHARACTERS = 400_000
"""In a file: four hours of fast English and its Japanese translation. Subtitles of that take some 10 s to make."""
FORMATS: dict[str, Callable[[Transcript], str | bytes]] = WRITERS | {
    "txt": write_readable,
    "times.txt": write_readable_with_times,
    "docx": write_docx,
}
"""What a file's name ends in -> its writer."""
FOR_PEOPLE = ("txt", "times.txt", "srt", "vtt", "docx")
"""The formats in which speakers have the names that the page shows. Programs get their labels."""


def write_file(suffix: str, texts: str, sheets: list[dict]) -> dict[str, str]:
    """Write transcripts that static/downloads.js sends back, perhaps corrected.

    suffix: a key of FORMATS, or `zip`. texts: as `choose_texts` takes it. sheets: one, or for a zip one or more. Each
    has its `name` in the zip, its `transcript`, the `times`, and perhaps `speakers`: label -> the name on the page.
    The times are start and end of each turn as the page shows them. They were estimated from the uncorrected texts, so
    they are not estimated again.
    Returns the `text` of the file, or the `data` of a binary one in base64. Raises SpeechError, also for a request that
    the page would not send.
    """
    try:
        transcripts = [Transcript.from_dict(sheet["transcript"]) for sheet in sheets]
        _check_length(transcripts)
        chosen = [
            choose_texts(_with_times(transcript, sheet["times"]), texts)
            for transcript, sheet in zip(transcripts, sheets, strict=True)
        ]
        shown = [sheet.get("speakers", {}) for sheet in sheets]
        if suffix == "zip":
            content = _write_zip([sheet["name"] for sheet in sheets], chosen, shown)
        else:
            ((transcript, speakers),) = zip(chosen, shown, strict=True)
            content = _write(suffix, transcript, speakers)
    except (KeyError, TypeError, AttributeError, OverflowError, ValueError) as error:
        raise SpeechError("not_a_transcript", why=error) from error
    return {"text": content} if isinstance(content, str) else {"data": base64.b64encode(content).decode()}


def _write(suffix: str, transcript: Transcript, speakers: dict[str, str]) -> str | bytes:
    if suffix in FOR_PEOPLE:
        named = (replace(turn, speaker=speakers.get(turn.speaker, turn.speaker)) for turn in transcript.turns)
        transcript = replace(transcript, turns=tuple(named))
    return FORMATS[suffix](transcript)


def _write_zip(names: list[str], transcripts: list[Transcript], shown: list[dict[str, str]]) -> bytes:
    """Return a zip with every format of the transcripts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, transcript, speakers in zip(names, transcripts, shown, strict=True):
            for suffix in _suffixes(transcript):
                archive.writestr(f"{PurePosixPath(name).name}.{suffix}", _write(suffix, transcript, speakers))
    return file.getvalue()


def _suffixes(transcript: Transcript) -> Iterator[str]:
    """The formats that say something about a transcript: rttm is about its speakers."""
    return (suffix for suffix in FORMATS if suffix != "rttm" or transcript.speakers)


def _check_length(transcripts: list[Transcript]) -> None:
    length = sum(len(turn.text) + len(turn.source) for transcript in transcripts for turn in transcript.turns)
    if length > MAX_CHARACTERS:
        code = "transcript_too_long" if len(transcripts) == 1 else "zip_too_long"
        raise SpeechError(code, length=length, limit=MAX_CHARACTERS)


def _with_times(transcript: Transcript, times: list) -> Transcript:
    """The transcript with these times, marked as estimated where they were not measured."""
    pairs = zip(transcript.turns, times, strict=True)
    return replace(transcript, turns=tuple(_with_time(turn, start, end) for turn, (start, end) in pairs))


def _with_time(turn: Turn, start: float, end: float) -> Turn:
    timing = "estimated" if turn.timing == "window" else turn.timing
    return replace(turn, start_seconds=start, end_seconds=end, timing=timing)
