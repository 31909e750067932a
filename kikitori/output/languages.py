"""Which texts of a translation a file has: what was said, its translation, or both."""

from __future__ import annotations

from dataclasses import replace

from kikitori.tasks import TASKS
from kikitori.transcript import Transcript, Turn

TEXTS = ("both", "translation", "original")


def choose_texts(transcript: Transcript, texts: str) -> Transcript:
    """Return a translation with only some of its texts. One whose turns have no source stays as it is.

    texts: one of TEXTS. `translation` leaves the sources out. `original` puts them in the place of the translation, and
    leaves out what describes the translation: raw text, words, replacements. Turns without the chosen text go.
    Raises ValueError for other texts.
    """
    if texts not in TEXTS:
        raise ValueError(f"texts must be one of {', '.join(TEXTS)}, but is {texts!r}")
    if texts == "both" or not any(turn.source for turn in transcript.turns):
        return transcript
    if texts == "translation":
        return replace(transcript, turns=tuple(replace(turn, source="") for turn in transcript.turns if turn.text))
    said = tuple(_as_said(turn) for turn in transcript.turns if turn.source.strip())
    return replace(transcript, turns=said, language=spoken_language(transcript), raw_text="", replacements=())


def spoken_language(transcript: Transcript) -> str:
    """Return the English name of the language that was spoken: the transcript's own, unless it is a translation."""
    task = TASKS.get(transcript.direction)
    return task.spoken if task and task.translates else transcript.language


def _as_said(turn: Turn) -> Turn:
    return replace(turn, text=turn.source.strip(), source="", language="", words=(), low_confidence=())
