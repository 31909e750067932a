"""Long calls with known turns: does every turn arrive, under the right speaker from start to end?

    python -m training.long_calls

Twenty calls of 5 to 15 minutes in held-out voices and sentences. In a quarter of them people talk over each other, in
a quarter one is silent for a minute, in a fifth both voices are as alike as in any call of the training; the quarters
and the fifth cross.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass, replace
from itertools import groupby, permutations
from pathlib import Path

import numpy as np

from kikitori.strings import join_texts
from kikitori.tasks import TINY
from kikitori.transcribe import load_model, transcribe
from kikitori.transcript import Turn
from training.synthesis import pool, voices
from training.tiny.measure import matched_labels, written_shares

CALLS = 20
MINUTES = (5.0, 15.0)
TALK_OVER_SHARE = 0.2
ALIKE_SEMITONES = (voices.MIN_SPEAKER_DISTANCE_SEMITONES, voices.MIN_SPEAKER_DISTANCE_SEMITONES + 0.5)
"""As near to each other as voices of the tiny checkpoint's training come."""
TURN_MARGIN_SECONDS = 0.1


@dataclass(frozen=True)
class Said:
    """One turn as it was spoken, in seconds from the start of the call."""

    turn: Turn
    start: float
    end: float


@dataclass(frozen=True)
class LongCall:
    """A call: float32 mono 16 kHz, its turns, and what is special about it."""

    waveform: np.ndarray
    said: tuple[Said, ...]
    kind: str


def make_call(number: int) -> LongCall:
    """The call of that number, always the same."""
    rng = random.Random(f"long call {number}")
    maker = pool.MAKERS["call"](rng.getrandbits(32))
    alike, over, silent = number % 5 == 0, number % 4 == 1, number % 4 == 2
    speakers = _alike_speakers(rng) if alike else voices.draw_speakers(rng, voices.HELD_OUT_HALF_TONES)
    seconds = rng.uniform(*MINUTES) * 60
    silent_from = seconds / 3 if silent else np.inf
    spoken: list[tuple[int, str, float, np.ndarray]] = []
    time, label = rng.uniform(0.3, 2.0), 0
    while time < seconds:
        voice = voices.Voice("openjtalk", half_tone=speakers[label].half_tone, speed=rng.choice(voices.HELD_OUT_SPEEDS))
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        for _ in range(rng.choice((1, 1, 2))):
            utterance = pool.utter("call", maker.draw(held_out=True), voice).warped(speakers[label].factor)
            if spoken and over and rng.random() < TALK_OVER_SHARE:
                time -= rng.uniform(0.3, 0.7)
            spoken.append((label, utterance.text, time, utterance.waveform * gain))
            time += len(utterance.waveform) / voices.SAMPLE_RATE + _draw_gap(rng)
        stays = silent_from <= time < silent_from + 60
        label = label if stays and label == 0 else 1 - label
    kinds = [word for word, is_so in (("alike", alike), ("talk over", over), ("silent", silent)) if is_so]
    return LongCall(_mix(spoken, rng), _turns(spoken), ", ".join(kinds) or "plain")


def _alike_speakers(rng: random.Random) -> tuple[voices.Speaker, voices.Speaker]:
    while True:
        one, two = (
            voices.Speaker(rng.choice(voices.HELD_OUT_HALF_TONES), rng.uniform(*voices.WARP_RANGE)) for _ in range(2)
        )
        if ALIKE_SEMITONES[0] <= abs(one.semitones - two.semitones) <= ALIKE_SEMITONES[1]:
            return one, two


def _draw_gap(rng: random.Random) -> float:
    return rng.uniform(1.5, 6.0) if rng.random() < 0.05 else rng.uniform(0.15, 0.8)


def _mix(spoken: list[tuple[int, str, float, np.ndarray]], rng: random.Random) -> np.ndarray:
    rate = voices.SAMPLE_RATE
    total = np.zeros(max(round(start * rate) + len(sound) for _, _, start, sound in spoken) + rate, np.float32)
    for _, _, start, sound in spoken:
        total[round(start * rate) : round(start * rate) + len(sound)] += sound
    noise = np.resize(voices.draw_noise(30 * rate, rng), len(total))
    level = float(np.sqrt(np.mean(total**2))) * 10 ** (-rng.uniform(20, 50) / 20)
    line = voices.telephone_band(total + noise * level)
    return (line * 10 ** (rng.uniform(-24, 0) / 20) / np.abs(line).max()).astype(np.float32)


def _turns(spoken: list[tuple[int, str, float, np.ndarray]]) -> tuple[Said, ...]:
    """Neighbouring sentences of one speaker are one turn; labels count from who speaks first, who is 0."""
    made = []
    for label, run in groupby(spoken, key=lambda sentence: sentence[0]):
        sentences = list(run)
        end = sentences[-1][2] + len(sentences[-1][3]) / voices.SAMPLE_RATE
        made.append(Said(Turn(f"spk_{label}", join_texts(s[1] for s in sentences)), sentences[0][2], end))
    return tuple(made)


@dataclass(frozen=True)
class Score:
    """Counts of one call; rates are made of sums.

    missing: turns of which no character was found. unwritten: those of them that have nothing, or less than half of
    their length, in their place; the others were misheard whole.
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


def score_call(model, call: LongCall) -> Score:
    """Transcribe a call as a whole, and turn by turn at the true times, and count."""
    from rapidfuzz.distance import Levenshtein

    reference = tuple(said.turn for said in call.said)
    transcript = transcribe(model, call.waveform, "call")
    matched = matched_labels(reference, transcript.turns)
    shares = written_shares(reference, transcript.turns)
    text = "".join(turn.text for turn in reference)
    alone = transcribe_turns(model, call)
    return Score(
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
    """Turns under the right speaker, by the one assignment of labels, for the whole call, that suits it best."""
    labels = sorted({label for labels in matched for label in labels if label})
    names = ["spk_0", "spk_1", *[""] * max(0, len(labels) - 2)]
    counts = []
    for order in set(permutations(names, len(labels))):
        name_of = dict(zip(labels, order, strict=True))
        hits = [
            sum(name_of.get(label) == turn.speaker for label in labels_of) * 2 > len(labels_of)
            for turn, labels_of in zip(reference, matched, strict=True)
        ]
        counts.append(sum(hits))
    return max(counts, default=0)


def transcribe_turns(model, call: LongCall) -> tuple[Turn, ...]:
    """What the model writes for the turns cut out at their true times, each under the number of the turn."""
    from kikitori.text.tags import parse_turns

    sounds = []
    for said in call.said:
        start, end = said.start - TURN_MARGIN_SECONDS, said.end + TURN_MARGIN_SECONDS
        sounds.append(call.waveform[max(0, round(start * voices.SAMPLE_RATE)) : round(end * voices.SAMPLE_RATE)])
    parsed = [parse_turns(decoded.text)[0] for decoded in model.decode(sounds)]
    return tuple(Turn(str(number), turn.text) for number, turns in enumerate(parsed) for turn in turns)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.long_calls", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="default: tiny")
    parser.add_argument("--calls", type=int, default=CALLS)
    options = parser.parse_args(argv)
    model = load_model("diarize", checkpoint=str(options.checkpoint or "tiny"))
    # A folder's windows would be the hub's, four times as long as anything that was trained on here.
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


def row(label: str, minutes: float, scores: list[Score]) -> str:
    """A line of the table, of counts summed over scores."""
    turns, right, missing, unwritten, characters, errors, missing_alone, alone, warnings = (
        sum(getattr(score, name) for score in scores) for name in Score.__dataclass_fields__
    )
    return (
        f"| {label} | {minutes:.1f} | {turns} | {right / turns:.1%} | {missing} | {unwritten} | "
        f"{errors / characters:.2%} | {missing_alone} | {alone / characters:.2%} | {warnings} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
