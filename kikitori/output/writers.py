"""Transcripts as files: one writer a format, and a file that is whole or not there.

Names, times and marks are those of whisper's writers (openai/whisper, utils.py). Every writer returns the text of the
whole file, and takes a layout, which only subtitles heed; srt, vtt, tsv and rttm raise SpeechError where a turn has no
times.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kikitori.output.subtitles import Subtitle, has_estimated_times, make_subtitles, timed_turns
from kikitori.transcript import Transcript, Turn


@dataclass(frozen=True)
class Layout:
    """How much text a subtitle holds; None for what is customary in the language (`make_subtitles`).

    max_line_width: characters a line. max_line_count: lines a subtitle. Both at least 1.
    """

    max_line_width: int | None = None
    max_line_count: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a layout that is not as described above."""
        for name, value in vars(self).items():
            if value is not None and not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} is a whole number of at least 1, or None, not {value!r}")


DEFAULT_LAYOUT = Layout()

ESTIMATED_TIMES = (
    "Times are estimates: turns share the time of the part that they were heard in by the length of their text"
)


def write_txt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """One line a turn; a turn with a speaker begins `[spk_0]: `."""
    return "".join(f"{_line(turn)}\n" for turn in transcript.turns)


def write_srt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """SubRip: numbered subtitles with times such as `00:00:01,000`.

    An arrow in the text, `-->`, becomes `->`: SubRip has no way to escape it.
    """
    subtitles = enumerate(make_subtitles(transcript, layout.max_line_width, layout.max_line_count), start=1)
    return "".join(
        f"{number}\n{_srt_time(subtitle.start_seconds)} --> {_srt_time(subtitle.end_seconds)}\n"
        f"{re.sub('-{2,}>', '->', _shown(subtitle))}\n\n"
        for number, subtitle in subtitles
    )


def write_vtt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """WebVTT: times such as `00:01.000`, hours only where needed; a note says where times are estimates."""
    # The speaker is text, no voice tag `<v spk_0>`: players show no name for that, and parsers read both.
    note = f"NOTE {ESTIMATED_TIMES}\n\n" if has_estimated_times(transcript) else ""
    return f"WEBVTT\n\n{note}" + "".join(
        f"{_vtt_time(subtitle.start_seconds)} --> {_vtt_time(subtitle.end_seconds)}\n"
        f"{html.escape(_shown(subtitle), quote=False)}\n\n"
        for subtitle in make_subtitles(transcript, layout.max_line_width, layout.max_line_count)
    )


def write_tsv(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """One row a turn under `start`, `end` (whole milliseconds) and `text`; fields are not quoted."""
    rows = [
        (str(_milliseconds(turn.start_seconds)), str(_milliseconds(turn.end_seconds)), _line(turn).replace("\t", " "))
        for turn in timed_turns(transcript)
    ]
    return "".join("\t".join(row) + "\n" for row in [("start", "end", "text"), *rows])


def write_json(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """`Transcript.to_dict` as JSON, for people to read: indented, in its own script."""
    return json.dumps(transcript.to_dict(), ensure_ascii=False, indent=2) + "\n"


def write_rttm(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """NIST's Rich Transcription Time Marked format (RT-09 evaluation plan, appendix A): one SPEAKER line a turn.

    White space ends a field, so that in names it becomes `_`. Turns without a speaker are all of one named `unknown`.
    A turn shorter than half a millisecond is left out: a scorer refuses a duration of 0.
    """
    lines = []
    for turn in timed_turns(transcript):
        start, end = _milliseconds(turn.start_seconds), _milliseconds(turn.end_seconds)
        name, speaker = (
            re.sub(r"\s+", "_", field)
            for field in (Path(transcript.audio).stem or "recording", turn.speaker or "unknown")
        )
        times = f"{start / 1000:.3f} {(end - start) / 1000:.3f}"
        if end > start:
            lines.append(f"SPEAKER {name} 1 {times} <NA> <NA> {speaker} <NA> <NA>\n")
    return "".join(lines)


# File name suffix -> writer.
WRITERS: dict[str, Callable[..., str]] = {
    "txt": write_txt,
    "srt": write_srt,
    "vtt": write_vtt,
    "tsv": write_tsv,
    "json": write_json,
    "rttm": write_rttm,
}


def _line(turn: Turn) -> str:
    return _label(turn.speaker) + " ".join(filter(None, map(str.strip, turn.text.splitlines())))


def _shown(subtitle: Subtitle) -> str:
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
