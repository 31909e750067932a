"""Plain text for people: as txt, with what was said below its translation, and with times if they are wanted."""

from __future__ import annotations

from kikitori.output.subtitles import timed_turns
from kikitori.output.writers import label_of, notices_of, one_line
from kikitori.strings import format_time
from kikitori.transcript import Transcript, Turn


def write_readable(transcript: Transcript) -> str:
    """Write one line per turn, as `write_txt`. A turn with a source has it in a line below, and an empty line after it.

    If it has only a source, the line above that has no text. Without sources, the text is that of `write_txt`.
    """
    return _joined(transcript, [label_of(turn.speaker) for turn in transcript.turns])


def write_readable_with_times(transcript: Transcript) -> str:
    """Write what `write_readable` writes, with the start of each turn before it: `0:05 [spk_0]: `.

    Raises SpeechError if a turn has no times.
    """
    turns = timed_turns(transcript)
    return _joined(transcript, [f"{format_time(turn.start_seconds)} {label_of(turn.speaker)}" for turn in turns])


def _joined(transcript: Transcript, beginnings: list[str]) -> str:
    turns = map(_lines, beginnings, transcript.turns)
    return "".join([*turns, *(f"{notice}\n" for notice in notices_of(transcript))])


def _lines(beginning: str, turn: Turn) -> str:
    line = f"{beginning}{one_line(turn.text)}".rstrip() + "\n"
    return f"{line}{one_line(turn.source)}\n\n" if turn.source else line
