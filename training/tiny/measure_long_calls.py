"""Measures how many turns of long synthetic calls are transcribed, and under the right speaker.

    python -m training.tiny.measure_long_calls

The set has twenty calls of 5 to 15 minutes with held-out voices and sentences. In a quarter of them people talk over
each other, and in another quarter one speaker is silent for a minute. In a fifth, which overlaps with both, the voices
are as similar as the most similar ones in training.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from itertools import groupby, permutations
from pathlib import Path

import numpy as np

from evaluation.options import OptionParser
from kikitori.engines.engine import Prompt
from kikitori.result import last
from kikitori.strings import join_texts
from kikitori.tasks import TINY
from kikitori.transcribe import load_model, transcribe
from kikitori.transcript import Turn
from training.synthesis import pool, voices
from training.tiny.measure import matched_labels, written_shares

CALLS = 20
MINUTES = (5.0, 15.0)
TALK_OVER_SHARE = 0.2
SIMILAR_SEMITONES = (voices.MIN_SPEAKER_DISTANCE_SEMITONES, voices.MIN_SPEAKER_DISTANCE_SEMITONES + 0.5)
"""Difference in pitch of the most similar voices in the training of the tiny checkpoint."""
TURN_MARGIN_SECONDS = 0.1


@dataclass(frozen=True)
class SpokenTurn:
    """A turn with its true times, in seconds from the start of the call."""

    turn: Turn
    start: float
    end: float


@dataclass(frozen=True)
class LongCall:
    """A call: waveform (float32 mono 16 kHz), turns, and a description of its difficulties."""

    waveform: np.ndarray
    turns: tuple[SpokenTurn, ...]
    kind: str


def make_call(number: int) -> LongCall:
    """Make a call; it depends on the number alone."""
    rng = random.Random(f"long call {number}")
    maker = pool.MAKERS["call"](rng.getrandbits(32))
    similar, over, silent = number % 5 == 0, number % 4 == 1, number % 4 == 2
    speakers = _similar_speakers(rng) if similar else voices.draw_speakers(rng, voices.HELD_OUT_HALF_TONES)
    seconds = rng.uniform(*MINUTES) * 60
    silent_from = seconds / 3 if silent else np.inf
    spoken: list[tuple[int, str, float, np.ndarray]] = []
    time, label = rng.uniform(0.3, 2.0), 0
    while time < seconds:
        voice = voices.Voice("openjtalk", half_tone=speakers[label].half_tone, speed=rng.choice(voices.HELD_OUT_SPEEDS))
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        for _ in range(rng.choice((1, 1, 2))):
            sentence = pool.speak_sentence("call", maker.draw(held_out=True), voice).warped(speakers[label].factor)
            if spoken and over and rng.random() < TALK_OVER_SHARE:
                time -= rng.uniform(0.3, 0.7)
            spoken.append((label, sentence.text, time, sentence.waveform * gain))
            time += len(sentence.waveform) / voices.SAMPLE_RATE + _draw_gap(rng)
        stays = silent_from <= time < silent_from + 60
        label = label if stays and label == 0 else 1 - label
    kinds = [word for word, applies in (("similar", similar), ("talk over", over), ("silent", silent)) if applies]
    return LongCall(_mix(spoken, rng), _turns(spoken), ", ".join(kinds) or "plain")


def _similar_speakers(rng: random.Random) -> tuple[voices.Speaker, voices.Speaker]:
    while True:
        first, second = (
            voices.Speaker(rng.choice(voices.HELD_OUT_HALF_TONES), rng.uniform(*voices.WARP_RANGE)) for _ in range(2)
        )
        if SIMILAR_SEMITONES[0] <= abs(first.semitones - second.semitones) <= SIMILAR_SEMITONES[1]:
            return first, second


def _draw_gap(rng: random.Random) -> float:
    return rng.uniform(1.5, 6.0) if rng.random() < 0.05 else rng.uniform(0.15, 0.8)


def _mix(spoken: list[tuple[int, str, float, np.ndarray]], rng: random.Random) -> np.ndarray:
    rate = voices.SAMPLE_RATE
    total = np.zeros(max(round(start * rate) + len(audio) for _, _, start, audio in spoken) + rate, np.float32)
    for _, _, start, audio in spoken:
        total[round(start * rate) : round(start * rate) + len(audio)] += audio
    noise = np.resize(voices.draw_noise(30 * rate, rng), len(total))
    level = float(np.sqrt(np.mean(total**2))) * 10 ** (-rng.uniform(20, 50) / 20)
    line = voices.telephone_band(total + noise * level)
    return (line * 10 ** (rng.uniform(-24, 0) / 20) / np.abs(line).max()).astype(np.float32)


def _turns(spoken: list[tuple[int, str, float, np.ndarray]]) -> tuple[SpokenTurn, ...]:
    """Merge consecutive sentences of a speaker into turns. The first speaker has label 0."""
    made = []
    for label, run in groupby(spoken, key=lambda sentence: sentence[0]):
        sentences = list(run)
        end = sentences[-1][2] + len(sentences[-1][3]) / voices.SAMPLE_RATE
        made.append(
            SpokenTurn(Turn(f"spk_{label}", join_texts(sentence[1] for sentence in sentences)), sentences[0][2], end)
        )
    return tuple(made)


@dataclass(frozen=True)
class CallScore:
    """Counts of one call, to be summed before rates are computed.

    right: turns under the right speaker. missing: turns of which no character was matched. unwritten: missing turns
    with less than half of their length written in their place; the other missing turns have a wrong text.
    """

    turns: int
    right: int
    missing: int
    unwritten: int
    characters: int
    errors: int
    missing_cut_at_turns: int
    errors_cut_at_turns: int
    warnings: int


def score_call(model, call: LongCall) -> CallScore:
    """Transcribe a call as a whole and again turn by turn, cut at the true times; return the counts."""
    from rapidfuzz.distance import Levenshtein

    reference = tuple(spoken.turn for spoken in call.turns)
    transcript = transcribe(model, call.waveform, name="call")
    matched = matched_labels(reference, transcript.turns)
    shares = written_shares(reference, transcript.turns)
    text = "".join(turn.text for turn in reference)
    alone = transcribe_turns(model, call)
    return CallScore(
        len(reference),
        _right(reference, matched),
        sum(not labels for labels in matched),
        sum(not labels and share < 0.5 for labels, share in zip(matched, shares, strict=True)),
        len(text),
        Levenshtein.distance(text, "".join(turn.text for turn in transcript.turns)),
        sum(not labels for labels in matched_labels(reference, alone)),
        Levenshtein.distance(text, "".join(turn.text for turn in alone)),
        len(transcript.warnings),
    )


def _right(reference: tuple[Turn, ...], matched: list[list[str]]) -> int:
    """Count turns under the right speaker, with the best assignment of labels to speakers for the whole call."""
    labels = sorted({label for labels in matched for label in labels if label})
    names = ["spk_0", "spk_1", *[""] * max(0, len(labels) - 2)]
    counts = []
    for order in set(permutations(names, len(labels))):
        name_of = dict(zip(labels, order, strict=True))
        hits = [
            sum(name_of.get(label) == turn.speaker for label in turn_labels) * 2 > len(turn_labels)
            for turn, turn_labels in zip(reference, matched, strict=True)
        ]
        counts.append(sum(hits))
    return max(counts, default=0)


def transcribe_turns(model, call: LongCall) -> tuple[Turn, ...]:
    """Transcribe each turn separately, cut at its true times. The speakers are the numbers of the turns."""
    from kikitori.text.tags import parse_turns

    clips = []
    for spoken in call.turns:
        start, end = spoken.start - TURN_MARGIN_SECONDS, spoken.end + TURN_MARGIN_SECONDS
        clips.append(call.waveform[max(0, round(start * voices.SAMPLE_RATE)) : round(end * voices.SAMPLE_RATE)])
    parsed = [parse_turns(result.text)[0] for result in last(model.engine.stream(clips, Prompt(model.task.language)))]
    return tuple(Turn(str(number), turn.text) for number, turns in enumerate(parsed) for turn in turns)


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.measure_long_calls", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="default: tiny")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"number of calls (default: {CALLS})")
    options = parser.parse_args(argv)
    model = load_model("diarize", checkpoint=str(options.checkpoint or "tiny"))
    # For a folder the windows of the hub's checkpoint are used, which are four times as long as the training clips.
    model = replace(model, checkpoint=replace(model.checkpoint, window_seconds=TINY.window_seconds))
    columns = ("call", "minutes", "turns", "right speaker", "missing", "nothing in its place", "CER")
    columns += ("missing, cut at the turns", "CER, cut at the turns", "warnings")
    print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    scores, minutes = [], []
    for number in range(options.calls):
        call = make_call(number)
        scores.append(score_call(model, call))
        minutes.append(len(call.waveform) / voices.SAMPLE_RATE / 60)
        print(row(f"{number} ({call.kind})", minutes[-1], scores[-1:]), flush=True)
    print(row("all", sum(minutes), scores))
    return 0


def row(label: str, minutes: float, scores: list[CallScore]) -> str:
    """Return a row of the table, with counts summed over the scores."""
    turns, right, missing, unwritten, characters, errors, missing_alone, alone, warnings = (
        sum(getattr(score, name) for score in scores) for name in CallScore.__dataclass_fields__
    )
    return (
        f"| {label} | {minutes:.1f} | {turns} | {right / turns:.1%} | {missing} | {unwritten} | "
        f"{errors / characters:.2%} | {missing_alone} | {alone / characters:.2%} | {warnings} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
