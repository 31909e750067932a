"""Transcripts as files: one writer per format.

Names, times and marks are those of whisper's writers (openai/whisper, utils.py). Every writer takes a transcript and a
layout, which only srt and vtt use, and returns the text of the whole file. srt, vtt, tsv and rttm raise SpeechError if
a turn has no times.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kikitori.output.files import write_output
from kikitori.output.subtitles import Subtitle, has_estimated_times, make_subtitles, timed_turns
from kikitori.transcript import Transcript, Turn


@dataclass(frozen=True)
class Layout:
    """How much text a subtitle holds; None for the usual size in the language (`make_subtitles`).

    max_line_width: characters per line, at least 1.
    max_line_count: lines per subtitle, at least 1.
    """

    max_line_width: int | None = None
    max_line_count: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError if a field is not as described above."""
        for name, value in vars(self).items():
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} must be a whole number of at least 1, or None, but is {value!r}")


DEFAULT_LAYOUT = Layout()

ESTIMATED_TIMES = "Times are estimates: the turns of a window share its time in proportion to the length of their text"


def write_txt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write one line per turn; a turn with a speaker begins with `[spk_0]: `."""
    return "".join(f"{_line(turn)}\n" for turn in transcript.turns)


def write_srt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write SubRip. The format has no specification; its readers expect, for each subtitle and an empty line after it,

        1
        00:00:01,000 --> 00:00:04,000
        text, one line or more

    with hours, minutes, seconds and milliseconds. There is no escape, so `-->` in the text is written as `->`.
    """
    subtitles = enumerate(make_subtitles(transcript, layout.max_line_width, layout.max_line_count), start=1)
    return "".join(
        f"{number}\n{_srt_time(subtitle.start_seconds)} --> {_srt_time(subtitle.end_seconds)}\n"
        f"{re.sub('-{2,}>', '->', _subtitle_text(subtitle))}\n\n"
        for number, subtitle in subtitles
    )


def write_vtt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write WebVTT (https://www.w3.org/TR/webvtt1/, section 4), which begins with a line `WEBVTT`. A cue is

        00:01.000 --> 00:04.000
        text, one line or more

    followed by an empty line; hours may precede the minutes. In the text `&`, `<` and `>` are escaped. A comment begins
    with `NOTE`; one says if the times are estimates.
    """
    # The speaker is part of the text. Players do not show the name of a voice tag, `<v spk_0>`.
    note = f"NOTE {ESTIMATED_TIMES}\n\n" if has_estimated_times(transcript) else ""
    return f"WEBVTT\n\n{note}" + "".join(
        f"{_vtt_time(subtitle.start_seconds)} --> {_vtt_time(subtitle.end_seconds)}\n"
        f"{html.escape(_subtitle_text(subtitle), quote=False)}\n\n"
        for subtitle in make_subtitles(transcript, layout.max_line_width, layout.max_line_count)
    )


def write_tsv(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write one row per turn under the heads `start`, `end` (whole milliseconds) and `text`; fields are not quoted."""
    rows = [
        (str(_milliseconds(turn.start_seconds)), str(_milliseconds(turn.end_seconds)), _line(turn).replace("\t", " "))
        for turn in timed_turns(transcript)
    ]
    return "".join("\t".join(row) + "\n" for row in [("start", "end", "text"), *rows])


def write_json(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write `Transcript.to_dict` as indented JSON; characters outside ASCII are not escaped."""
    return json.dumps(transcript.to_dict(), ensure_ascii=False, indent=2) + "\n"


def write_rttm(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write NIST's Rich Transcription Time Marked format (RT-09 evaluation plan, appendix A): one line per turn,

        SPEAKER file channel start duration <NA> <NA> speaker <NA> <NA>

    with times in seconds, and `<NA>` for the fields ortho, stype, conf and slat. White space separates fields; in names
    it is written as `_`. Turns without a speaker get the name `unknown`. A turn that lasts 0 ms is left out, because
    scorers reject a duration of 0.
    """
    name = _one_field(Path(transcript.audio).stem or "recording")
    lines = []
    for turn in timed_turns(transcript):
        start, end = _milliseconds(turn.start_seconds), _milliseconds(turn.end_seconds)
        if end > start:
            times = f"{start / 1000:.3f} {(end - start) / 1000:.3f}"
            lines.append(f"SPEAKER {name} 1 {times} <NA> <NA> {_one_field(turn.speaker or 'unknown')} <NA> <NA>\n")
    return "".join(lines)


def _one_field(name: str) -> str:
    return re.sub(r"\s+", "_", name)


# File name suffix -> writer.
WRITERS: dict[str, Callable[..., str]] = {
    "txt": write_txt,
    "srt": write_srt,
    "vtt": write_vtt,
    "tsv": write_tsv,
    "json": write_json,
    "rttm": write_rttm,
}


def save(transcript: Transcript, path: Path) -> None:
    """Write a transcript to a file, in the format of its suffix; the file is complete or is not written.

    Raises ValueError for a suffix that is not in WRITERS, OutputError if the file can't be written, and what the writer
    raises.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in WRITERS:
        choices = ", ".join(f".{name}" for name in WRITERS)
        raise ValueError(f"{path.name} must end in one of {choices}, which selects the format")
    write_output(path, WRITERS[suffix](transcript))


def _line(turn: Turn) -> str:
    return _label(turn.speaker) + " ".join(filter(None, map(str.strip, turn.text.splitlines())))


def _subtitle_text(subtitle: Subtitle) -> str:
    return _label(subtitle.speaker) + "\n".join((*subtitle.lines, *subtitle.source))


def _label(speaker: str | None) -> str:
    return "" if speaker is None else f"[{' '.join(speaker.split())}]: "


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _srt_time(seconds: float) -> str:
    hours, rest = divmod(_milliseconds(seconds), 3_600_000)
    return f"{hours:02d}:{rest // 60_000:02d}:{rest // 1000 % 60:02d},{rest % 1000:03d}"


def _vtt_time(seconds: float) -> str:
    return _srt_time(seconds).replace(",", ".").removeprefix("00:")
