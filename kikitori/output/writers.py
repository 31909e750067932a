"""Transcripts as files: one writer per format.

Names and times are those of whisper's writers (openai/whisper, utils.py). Every writer takes a transcript and a layout,
which only srt and vtt use, and returns the text of the whole file. srt, vtt, tsv and rttm raise SpeechError if a turn
has no times. txt, srt and vtt end with a line that says so if the transcript is incomplete; tables have no place for
it.

Text from right to left is written in the order of speech, without invisible marks. There is one exception: WebVTT and
many players take a line's direction from its first letter, and that is the label's, mostly a Latin one. So in srt and
vtt the label before such a text begins with U+200F, the right-to-left mark.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kikitori.output.files import write_output
from kikitori.output.subtitles import Ranges, Subtitle, make_subtitles, timed_turns
from kikitori.strings import is_right_to_left
from kikitori.text.confidence import unsure_share
from kikitori.timing import is_estimated
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


MISSING_PARTS = ("partial", "damaged")
"""Kinds of warnings that mean that a part of the recording is missing from the transcript."""

NOTICE_SECONDS = 3.0
"""How long the last subtitle says that the transcript is incomplete."""


def write_txt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write one line per turn; a turn with a speaker begins with `[spk_0]: `. A turn with only a source has none."""
    lines = [_line(turn) for turn in transcript.turns if turn.text]
    return "".join(f"{line}\n" for line in [*lines, *notices_of(transcript)])


def write_srt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT, first: int = 1) -> str:
    """Write SubRip. The format has no specification; its readers expect, for each subtitle and an empty line after it,

        1
        00:00:01,000 --> 00:00:04,000
        text, one line or more

    with hours, minutes, seconds and milliseconds. There is no escape, so `-->` in the text is written as `->`.
    first: the number of the first subtitle.
    """
    subtitles = enumerate(_subtitles(transcript, layout), start=first)
    return "".join(
        f"{number}\n{_srt_time(subtitle.start_seconds)} --> {_srt_time(subtitle.end_seconds)}\n"
        f"{re.sub('-{2,}>', '->', _subtitle_text(subtitle))}\n\n"
        for number, subtitle in subtitles
    )


def write_vtt(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write WebVTT (https://www.w3.org/TR/webvtt1/, section 4), which begins with a line `WEBVTT`. A cue is

        00:01.000 --> 00:04.000
        <v spk_0><c.speaker>[spk_0]: </c>text, <c.unsure>one</c> line or more</v>

    followed by an empty line; hours may precede the minutes. In names and text `&`, `<` and `>` are escaped. Players do
    not show the name in a voice tag, `<v>`, so the text repeats it. Words that the model was unsure of have the class
    `unsure`. Comments begin with `NOTE`; they say if the times are estimates and if the transcript is incomplete.
    """
    notes = [ESTIMATED_TIMES] if is_estimated(transcript.turns) else []
    return "WEBVTT\n\n" + "".join(
        [f"NOTE {_escape(note)}\n\n" for note in (*notes, *notices_of(transcript))]
        + [
            f"{_vtt_time(subtitle.start_seconds)} --> {_vtt_time(subtitle.end_seconds)}\n{_cue_text(subtitle)}\n\n"
            for subtitle in _subtitles(transcript, layout)
        ]
    )


def write_tsv(transcript: Transcript, layout: Layout = DEFAULT_LAYOUT) -> str:
    """Write one row per turn; fields are not quoted. The first three columns are whisper's:

    `start` and `end` in whole milliseconds, `text`, `speaker` (empty if there is none), and `unsure`: the share of its
    words that the model was unsure of, such as 0.14. In languages without spaces it is the share of its characters.
    If a turn has a `source`, that is a sixth column.
    """
    columns = ["start", "end", "text", "speaker", "unsure"]
    columns += ["source"] if any(turn.source for turn in transcript.turns) else []
    rows = [
        (
            str(_milliseconds(turn.start_seconds)),
            str(_milliseconds(turn.end_seconds)),
            one_line(turn.text).replace("\t", " "),
            " ".join((turn.speaker or "").split()),
            f"{unsure_share([turn], transcript.language):.2f}",
            one_line(turn.source).replace("\t", " "),
        )[: len(columns)]
        for turn in timed_turns(transcript)
    ]
    return "".join("\t".join(row) + "\n" for row in [columns, *rows])


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


def notices_of(transcript: Transcript) -> list[str]:
    """Return the lines for the end of an incomplete transcript; none if it is complete."""
    return [
        f"[incomplete: {one_line(warning.message)}]" for warning in transcript.warnings if warning.kind in MISSING_PARTS
    ]


def _subtitles(transcript: Transcript, layout: Layout) -> list[Subtitle]:
    """The subtitles; after the last one, if a part of the recording is missing, one that says so."""
    subtitles = make_subtitles(transcript, layout.max_line_width, layout.max_line_count)
    notices = tuple(notices_of(transcript))
    if notices:
        start = max([transcript.duration_seconds, *(subtitle.end_seconds for subtitle in subtitles)])
        subtitles.append(Subtitle(start, start + NOTICE_SECONDS, None, notices, ((),) * len(notices)))
    return subtitles


def _line(turn: Turn) -> str:
    return label_of(turn.speaker) + one_line(turn.text)


def one_line(text: str) -> str:
    """Return a text with its line breaks as spaces."""
    return " ".join(filter(None, map(str.strip, text.splitlines())))


def _subtitle_text(subtitle: Subtitle) -> str:
    return _directed_label(subtitle) + "\n".join((*subtitle.lines, *subtitle.source))


def _cue_text(subtitle: Subtitle) -> str:
    marked = map(_with_unsure_marks, subtitle.lines, subtitle.low_confidence)
    text = "\n".join((*marked, *map(_escape, subtitle.source)))
    if subtitle.speaker is None:
        return text
    label = _escape(_directed_label(subtitle))
    return f"<v {_escape(' '.join(subtitle.speaker.split()))}><c.speaker>{label}</c>{text}</v>"


def _with_unsure_marks(line: str, ranges: Ranges) -> str:
    marked, place = "", 0
    for start, end in ranges:
        marked += f"{_escape(line[place:start])}<c.unsure>{_escape(line[start:end])}</c>"
        place = end
    return marked + _escape(line[place:])


def _escape(text: str) -> str:
    return html.escape(text, quote=False)


def label_of(speaker: str | None) -> str:
    """Return what stands before the words of a speaker; nothing if there is no speaker."""
    return "" if speaker is None else f"[{' '.join(speaker.split())}]: "


def _directed_label(subtitle: Subtitle) -> str:
    """The label, which does not turn text from right to left into text from left to right."""
    label = label_of(subtitle.speaker)
    return f"\u200f{label}" if label and is_right_to_left("".join(subtitle.lines)) else label


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _srt_time(seconds: float) -> str:
    hours, rest = divmod(_milliseconds(seconds), 3_600_000)
    return f"{hours:02d}:{rest // 60_000:02d}:{rest // 1000 % 60:02d},{rest % 1000:03d}"


def _vtt_time(seconds: float) -> str:
    return _srt_time(seconds).replace(",", ".").removeprefix("00:")
