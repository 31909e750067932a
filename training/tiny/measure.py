"""Measure a tiny checkpoint on speech it never met: `python -m training.held_out` prints the model card's table.

Every sentence is a combination of words that training never saw (training.sentences), every voice a setting that
training never used (training.speech). Fixed phrases, which have no combinations, are left out.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from kikitori.model.generate import decode
from kikitori.model.recognizer import load_recognizer
from kikitori.strings import join_texts
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import Turn
from training.synthesis import pool, sentences, voices
from training.synthesis.clips import OUTPUT_LANGUAGE, compose_call, compose_sentences

ROOT = Path(__file__).parents[2]
CLIPS = 200
LONGER = (2, 3, 4)
"""Sentences of one speaker in the rows headed `several sentences`."""


@dataclass(frozen=True)
class Recording:
    """A clip and what was said in it (with speaker tags in calls), or its translation.

    said: the words of one speaker, in their own language; empty for calls.
    """

    waveform: np.ndarray  # float32 mono 16 kHz
    reference: str
    said: str = ""


def held_out_recordings(task: str, sentence_counts: tuple[int, ...] = (1,)) -> Iterator[Recording]:
    """Endless held-out clips of `call`, `pt`, `en2ja`, `ja2en` or `english`, always the same ones.

    sentence_counts: how many sentences a clip of one speaker may have.
    """
    rng = random.Random(f"held out {task} {sentence_counts}")
    kind = "en2ja" if task == "english" else task
    maker = pool.MAKERS[kind](rng.getrandbits(32))
    while True:
        if kind == "call":
            yield _call(rng, maker)
        else:
            yield _sentences(rng, maker, task, kind, rng.choice(sentence_counts))


def _call(rng: random.Random, maker: sentences.SentenceMaker) -> Recording:
    speakers = voices.draw_speakers(rng, voices.HELD_OUT_HALF_TONES)

    def draw_utterance(speaker: voices.Speaker) -> voices.Utterance:
        speed = rng.choice(voices.HELD_OUT_SPEEDS)
        voice = voices.Voice("openjtalk", half_tone=speaker.half_tone, speed=speed)
        return pool.utter("call", maker.draw(held_out=True), voice).warped(speaker.factor)

    waveform, reference, *_ = compose_call(rng, speakers, voices.draw_turn_lengths(rng), draw_utterance, telephone=True)
    return Recording(waveform, reference)


def _sentences(rng: random.Random, maker: sentences.SentenceMaker, task: str, kind: str, count: int) -> Recording:
    voice = pool.draw_voice(kind, rng, held_out=True)
    factor = voices.draw_factor(rng, voice)
    spoken = [pool.utter(kind, maker.draw(held_out=True), voice).warped(factor) for _ in range(count)]
    waveform, reference, *_ = compose_sentences(task, spoken, rng)
    return Recording(waveform, reference, join_texts(utterance.text for utterance in spoken))


def right_speakers(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> int:
    """How many reference turns have most of their matched characters under the right label; labels as they stand."""
    matched = matched_labels(reference, hypothesis)
    return sum(labels.count(turn.speaker) * 2 > len(labels) for turn, labels in zip(reference, matched, strict=True))


def matched_labels(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> list[list[str | None]]:
    """For each reference turn, the labels under which its characters were found, one a character found."""
    labels = [turn.speaker for turn in hypothesis for _ in turn.text]
    matched: list[list[str | None]] = [[] for _ in reference]
    for number, place, is_right in _written(reference, hypothesis):
        if is_right:
            matched[number].append(labels[place])
    return matched


def written_shares(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> list[float]:
    """For each reference turn, the share of its characters in whose place one was written, right or wrong."""
    written = Counter(number for number, _, _ in _written(reference, hypothesis))
    return [written[number] / len(turn.text) for number, turn in enumerate(reference)]


def _written(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> Iterator[tuple[int, int, bool]]:
    """Reference characters in whose place one was written: the turn's number, that one's place, whether it is right."""
    from rapidfuzz.distance import Levenshtein

    said, heard = ("".join(turn.text for turn in turns) for turns in (reference, hypothesis))
    turn_of = [number for number, turn in enumerate(reference) for _ in turn.text]
    for block in Levenshtein.opcodes(said, heard):
        if block.tag in ("equal", "replace"):
            for offset in range(block.src_end - block.src_start):
                yield turn_of[block.src_start + offset], block.dest_start + offset, block.tag == "equal"


@dataclass(frozen=True)
class Row:
    """One line of the table: what is asked of the model on which clips."""

    label: str
    task: str
    sentence_counts: tuple[int, ...] = (1,)
    forced: bool = True


ROWS = (
    Row("Japanese call (`diarize`)", "call"),
    Row("Portuguese (`pt`)", "pt"),
    Row("English to Japanese (`en2ja`)", "en2ja"),
    Row("Japanese to English (`ja2en`)", "ja2en"),
    Row("Portuguese, several sentences", "pt", LONGER),
    Row("English to Japanese, several sentences", "en2ja", LONGER),
    Row("Japanese to English, several sentences", "ja2en", LONGER),
    Row("English transcribed", "english"),
    Row("Japanese call, language not forced", "call", forced=False),
    Row("Portuguese, language not forced", "pt", forced=False),
    Row("English, language not forced", "english", forced=False),
)


def answers(model, row: Row, recordings: list[Recording]) -> list[str]:
    """What the model writes; nothing where it names a wrong language."""
    language = OUTPUT_LANGUAGE[row.task]
    decoded = decode(model, [recording.waveform for recording in recordings], language if row.forced else None)
    if row.forced:
        return [one.text for one in decoded]
    named = [one.text.partition("<asr_text>") for one in decoded]
    return [text if prefix == f"language {language}" else "" for prefix, _, text in named]


def measure(model, row: Row, clips: int) -> str:
    """A row's figures as Markdown: clips, error rate, exact answers, turns with the right speaker."""
    import jiwer

    parse = parse_turns if row.task == "call" else parse_plain
    recordings = list(islice(held_out_recordings(row.task, row.sentence_counts), clips))
    said = [parse(recording.reference)[0] for recording in recordings]
    heard = [parse(text)[0] for text in answers(model, row, recordings)]
    japanese = OUTPUT_LANGUAGE[row.task] == "Japanese"
    error_rate = (jiwer.cer if japanese else jiwer.wer)(
        *[[join_texts(turn.text for turn in turns) for turns in side] for side in (said, heard)]
    )
    pairs = list(zip(said, heard, strict=True))
    exact = sum(one == other for one, other in pairs)
    cells = [row.label, str(clips), f"{'CER' if japanese else 'WER'} {error_rate:.2%}", f"{exact / clips:.1%}"]
    turns = sum(map(len, said))
    right = sum(right_speakers(one, other) for one, other in pairs)
    cells.append(f"{right / turns:.1%} of {turns}" if row.task == "call" else "")
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.held_out", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default=str(ROOT / "assets" / "tiny"))
    parser.add_argument("--clips", type=int, default=CLIPS, help="clips a row")
    options = parser.parse_args(argv)
    model = load_recognizer(options.checkpoint)
    print("| task | clips | error rate | exact | turns with the right speaker |\n| --- | --- | --- | --- | --- |")
    for row in ROWS:
        print(measure(model, row, options.clips), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
