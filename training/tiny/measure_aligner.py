"""Measures an aligner on held-out speech: `python -m training.tiny.measure_aligner` prints the table of its model card.

Sentences and voices are not used in training, see `training.tiny.measure`. The aligner gets the true text, through
`kikitori.model.aligner`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from evaluation.options import OptionParser
from kikitori.model.aligner import align_turns, load_qwen_aligner
from kikitori.transcript import Turn
from training.synthesis import pool, voices
from training.synthesis.sentences import SentenceMaker
from training.synthesis.timed_speech import TimedSentence, TimedTurn, compose, speak_timed
from training.synthesis.voices import Voice
from training.tiny.aligner_clips import LANGUAGE, aligned_clip, draw_call, space_between

ROOT = Path(__file__).parents[2]
CLIPS = 100
SENTENCE_COUNTS = (1, 2, 3)
"""Possible numbers of sentences in a clip of one speaker."""
LABELS = {"call": "Japanese calls", "ja2en": "Japanese", "en2ja": "English", "pt": "Portuguese"}


@dataclass(frozen=True)
class TimingErrors:
    """Errors of a clip's start times in seconds, per turn and per word, and the number of interpolated words."""

    turns: np.ndarray
    words: np.ndarray
    interpolated: int


def held_out_clips(kind: str) -> Iterator[tuple[np.ndarray, list[TimedTurn]]]:
    """Yield held-out clips of a kind of `training.synthesis.pool` without end, always the same: waveform and turns."""
    rng = random.Random(f"held out, aligned {kind}")
    maker = pool.MAKERS[kind](rng.getrandbits(32))
    while True:
        turns = _call(rng, maker) if kind == "call" else [_one_speaker(rng, maker, kind)]
        yield compose(turns, space_between(kind), rng, telephone=kind == "call")


def _call(rng: random.Random, maker: SentenceMaker) -> list[list[TimedSentence]]:
    def draw_sentence(speaker: voices.Speaker) -> TimedSentence:
        voice = Voice("openjtalk", half_tone=speaker.half_tone, speed=rng.choice(voices.HELD_OUT_SPEEDS))
        return speak_timed(maker.draw(held_out=True).text, voice).warped(speaker.factor)

    return draw_call(rng, voices.draw_speakers(rng, voices.HELD_OUT_HALF_TONES), draw_sentence)


def _one_speaker(rng: random.Random, maker: SentenceMaker, kind: str) -> list[TimedSentence]:
    voice = pool.draw_voice(kind, rng, held_out=True)
    factor = voices.draw_factor(rng, voice)
    count = rng.choice(SENTENCE_COUNTS)
    return [speak_timed(maker.draw(held_out=True).text, voice).warped(factor) for _ in range(count)]


def timing_errors(aligner, waveform: np.ndarray, turns: list[TimedTurn], language: str) -> TimingErrors:
    """Align one clip and compare with the true times."""
    alignment = align_turns(aligner, waveform, [Turn(None, turn.text) for turn in turns], language)
    truth = [aligned_clip(waveform, [turn], language).times[:, 0] for turn in turns]
    found = [np.array([word.start_seconds for word in turn.words]) for turn in alignment.turns]
    words = np.abs(np.concatenate(found) - np.concatenate(truth))
    starts = np.abs([turn.start_seconds - times[0] for turn, times in zip(alignment.turns, truth, strict=True)])
    return TimingErrors(starts, words, alignment.repaired)


def measure_kind(aligner, kind: str, clips: int) -> str:
    """Return the figures of one kind of clip as a Markdown row."""
    errors = [timing_errors(aligner, *clip, LANGUAGE[kind]) for clip in islice(held_out_clips(kind), clips)]
    cells = [LABELS[kind], str(clips)]
    for starts in (np.concatenate([clip.turns for clip in errors]), np.concatenate([clip.words for clip in errors])):
        median, worse = np.percentile(starts * 1000, (50, 90))
        cells += [str(len(starts)), f"{median:.0f} ms", f"{worse:.0f} ms"]
    words = sum(len(clip.words) for clip in errors)
    cells.append(f"{sum(clip.interpolated for clip in errors) / words:.1%}")
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.measure_aligner", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default=str(ROOT / "assets" / "tiny_aligner"))
    parser.add_argument("--clips", type=int, default=CLIPS, help="number of clips per row")
    options = parser.parse_args(argv)
    aligner = load_qwen_aligner(options.checkpoint)
    columns = "speech, clips, turns, median error of a turn's start, 90 % within, words, median, 90 %, interpolated"
    print(f"| {columns.replace(', ', ' | ')} |")
    print(f"|{' --- |' * 9}")
    for kind in LABELS:
        print(measure_kind(aligner, kind, options.clips), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
