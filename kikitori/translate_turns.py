"""A call with speakers -> the same turns in another language: each is cut out of the sound and translated alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.audio.windows import cut_windows
from kikitori.pipeline import WINDOWS_AT_ONCE, Decode
from kikitori.result import last
from kikitori.strings import format_time, join_texts
from kikitori.tasks import Task
from kikitori.text.tags import parse_plain
from kikitori.transcript import Transcript, TranscriptWarning, Turn

MARGIN_SECONDS = 0.1
"""Kept around a turn: a little more than the step in which the aligner tells times."""


def translate_turns(
    transcript: Transcript, blocks: Iterable[np.ndarray], decode: Decode, direction: Task, checkpoint: str
) -> Iterator[Transcript]:
    """Transcripts of the translation that grow; the last one has all turns, with their speakers and times.

    transcript: of a call whose turns have times of their own (aligned). blocks: its sound, float32 16 kHz, (samples,
    channels). decode: of the translating direction's checkpoint, whose name is `checkpoint`. What was said becomes
    the turns' `source`. A turn for which the model writes nothing is left out, with a warning.
    """
    made = replace(transcript, turns=(), direction=direction.name, language=direction.language)
    made = replace(made, checkpoint=checkpoint, raw_text="")
    raw_texts: list[str] = []
    turns = sorted(transcript.turns, key=lambda turn: turn.start_seconds)
    sounds = zip(turns, cut_sounds(blocks, turns), strict=True)
    while group := list(islice(sounds, WINDOWS_AT_ONCE)):
        texts = _translate([sound for _, sound in group], decode, direction.window_seconds)
        raw_texts += texts
        for (turn, _), text in zip(group, texts, strict=True):
            made = _with_turn(made, turn, text)
        made = replace(made, raw_text="\n".join(raw_texts))
        yield made
    if not turns:
        yield made


def _with_turn(made: Transcript, turn: Turn, raw_text: str) -> Transcript:
    said, _ = parse_plain(raw_text)
    if said:
        translated = replace(turn, text=said[0].text, words=(), low_confidence=(), source=turn.text)
        return replace(made, turns=(*made.turns, translated))
    message = f"{format_time(turn.start_seconds)}: the model wrote no translation of {turn.text!r}"
    warning = TranscriptWarning("empty", message, turn.start_seconds, turn.end_seconds)
    return replace(made, warnings=(*made.warnings, warning))


def _translate(sounds: Sequence[np.ndarray], decode: Decode, max_seconds: float) -> list[str]:
    """What the model writes for each sound; a longer one goes through it in parts."""
    parts = [_parts(sound, max_seconds) for sound in sounds]
    texts = iter([decoded.text for decoded in last(decode([part for of_turn in parts for part in of_turn]))])
    return [join_texts(islice(texts, len(of_turn))) for of_turn in parts]


def _parts(sound: np.ndarray, max_seconds: float) -> list[np.ndarray]:
    if len(sound) <= max_seconds * SAMPLE_RATE:
        return [sound]
    return [window.waveform for window in cut_windows([sound], max_seconds)]


def cut_sounds(blocks: Iterable[np.ndarray], turns: Sequence[Turn]) -> Iterator[np.ndarray]:
    """The sound of each turn, float32 mono 16 kHz (samples,), holding no more of the recording than that takes.

    turns: with times, sorted by their start.
    """
    blocks = iter(blocks)
    held, start = np.zeros(0, np.float32), 0
    for turn in turns:
        first = max(0, round((turn.start_seconds - MARGIN_SECONDS) * SAMPLE_RATE))
        last = round((turn.end_seconds + MARGIN_SECONDS) * SAMPLE_RATE)
        while start + len(held) < last and (block := next(blocks, None)) is not None:
            held = np.concatenate([held, block.mean(axis=1)])
            passed = min(len(held), max(0, first - start))
            held, start = held[passed:], start + passed
        yield held[max(0, first - start) : max(0, last - start)]
