"""Translate a call turn by turn: each turn is cut out of the sound and translated alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.audio.windows import cut_windows
from kikitori.errors import DamagedError
from kikitori.job import Job
from kikitori.peaks import Peaks
from kikitori.pipeline import WINDOWS_AT_ONCE
from kikitori.strings import format_time, join_texts
from kikitori.text.tags import parse_plain
from kikitori.transcript import Transcript, TranscriptWarning, Turn
from kikitori.update import Transcription, Update

MARGIN_SECONDS = 0.1
"""Kept around a turn: slightly more than the step of the aligner's times."""


def translate_turns(transcript: Transcript, blocks: Iterable[np.ndarray], job: Job) -> Transcription:
    """Translate a transcript's turns; they keep their speakers and times, and what was said becomes their `source`.

    transcript: of a call, with aligned turns. blocks: its sound, float32 16 kHz, (samples, channels) each.
    job: of the translating task. A turn for which the model writes nothing is left out, with a warning.
    """
    task = job.task
    blank = replace(transcript, turns=(), raw_text="", direction=task.name, language=task.language, replacements=())
    peaks = Peaks()
    steps = _steps(transcript, peaks.watch(blocks), job)
    return Transcription(steps, replace(blank, checkpoint=job.engine.name), peaks)


def _steps(transcript: Transcript, blocks: Iterable[np.ndarray], job: Job) -> Iterator[Update]:
    turns = sorted(transcript.turns, key=lambda turn: turn.start_seconds)
    sounds = zip(turns, cut_sounds(blocks, turns), strict=True)
    while group := list(islice(sounds, WINDOWS_AT_ONCE)):
        texts = _translate([sound for _, sound in group], job)
        pairs = [(turn, _translated(turn, text)) for (turn, _), text in zip(group, texts, strict=True)]
        yield Update(
            turns=tuple(translated for _, translated in pairs if translated),
            warnings=tuple(_missing(turn) for turn, translated in pairs if not translated),
            raw_texts=tuple(texts),
            duration_seconds=group[-1][0].end_seconds,
        )
    yield Update(duration_seconds=transcript.duration_seconds)


def _translated(turn: Turn, raw_text: str) -> Turn | None:
    parsed, _ = parse_plain(raw_text)
    if not parsed:
        return None
    return replace(turn, text=parsed[0].text, words=(), low_confidence=(), source=turn.text)


def _missing(turn: Turn) -> TranscriptWarning:
    message = f"{format_time(turn.start_seconds)}: the model wrote no translation of {turn.text!r}"
    return TranscriptWarning("empty", message, turn.start_seconds, turn.end_seconds)


def _translate(sounds: Sequence[np.ndarray], job: Job) -> list[str]:
    """Translate each sound; one that is longer than a window is translated in parts."""
    parts = [_parts(sound, job.task.window_seconds) for sound in sounds]
    texts = iter([result.text for result in job.decode([part for of_turn in parts for part in of_turn])])
    return [join_texts(islice(texts, len(of_turn))) for of_turn in parts]


def _parts(sound: np.ndarray, max_seconds: float) -> list[np.ndarray]:
    if len(sound) <= max_seconds * SAMPLE_RATE:
        return [sound]
    return [window.waveform for window in cut_windows([sound], max_seconds)]


def _up_to_damage(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """End the blocks of a damaged recording where they can't be read on; its transcript has the warning already."""
    with suppress(DamagedError):
        yield from blocks


def cut_sounds(blocks: Iterable[np.ndarray], turns: Sequence[Turn]) -> Iterator[np.ndarray]:
    """Cut each turn's sound out of a recording, holding no more of it than that takes.

    blocks: float32 16 kHz, (samples, channels) each. turns: with times, sorted by start.
    Yields float32 mono 16 kHz, (samples,).
    """
    blocks = _up_to_damage(blocks)
    held, start = np.zeros(0, np.float32), 0
    for turn in turns:
        first = max(0, round((turn.start_seconds - MARGIN_SECONDS) * SAMPLE_RATE))
        last = round((turn.end_seconds + MARGIN_SECONDS) * SAMPLE_RATE)
        while start + len(held) < last and (block := next(blocks, None)) is not None:
            held = np.concatenate([held, block.mean(axis=1)])
            passed = min(len(held), max(0, first - start))
            held, start = held[passed:], start + passed
        yield held[max(0, first - start) : max(0, last - start)]
