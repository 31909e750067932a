"""Windows that end where the language changes, because the model writes all of a window in one language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from operator import itemgetter

from kikitori.audio.windows import Window
from kikitori.engines.engine import Engine
from kikitori.language_check import detect_languages

MIN_SPEECH_SECONDS = 1.0
"""Less speech between two pauses is taken to be in the language of what comes before it."""


def split_by_language(windows: list[Window], engine: Engine) -> Iterator[Window]:
    """Cut windows at the pauses where the language changes.

    engine: a model that can detect languages. It hears the first words after each pause inside a window, so that a
    window without a pause costs nothing.
    """
    parts = [
        replace(window, pieces=(piece,)) for window in windows if len(window.pieces) > 1 for piece in window.pieces
    ]
    heard = [part for part in parts if part.speech_seconds >= MIN_SPEECH_SECONDS]
    found = detect_languages(engine, [part.waveform for part in heard]) if heard else []
    languages = {part.pieces[0].start: language for part, language in zip(heard, found, strict=True)}
    for window in windows:
        yield from _cut(window, languages)


def _cut(window: Window, languages: Mapping[int, str | None]) -> Iterator[Window]:
    """Cut a window between pieces of different languages. languages: by the start of the piece."""
    known = _filled([languages.get(piece.start) for piece in window.pieces])
    for _, group in groupby(zip(known, window.pieces, strict=True), itemgetter(0)):
        yield replace(window, pieces=tuple(piece for _, piece in group))


def _filled(languages: list[str | None]) -> list[str | None]:
    """Put the language before it, or else the first one after it, in place of None."""
    language = next(filter(None, languages), None)
    filled = []
    for named in languages:
        language = named or language
        filled.append(language)
    return filled
