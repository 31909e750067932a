"""Measures a tiny checkpoint on held-out speech: `python -m training.tiny.measure` prints the table of its model card.

All sentences are combinations of words, and all voices are settings, that are not used in training (see
`training.synthesis`). Fixed phrases are left out, because they have no combinations.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from evaluation.options import OptionParser
from kikitori.model.generate import decode
from kikitori.model.recognizer import load_recognizer
from kikitori.strings import join_texts
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import Turn
from training.synthesis import pool, sentences, voices
from training.synthesis.clips import OUTPUT_LANGUAGE, compose_call, compose_sentences

ROOT = Path(__file__).parents[2]
CLIPS = 200
SEVERAL = (2, 3, 4)
"""Number of sentences in the rows labelled `several sentences`."""


@dataclass(frozen=True)
class HeldOutClip:
    """A clip of held-out speech.

    reference: the text to write, with speaker tags in calls. spoken_text: the words in the spoken language; empty for
    calls.
    """

    waveform: np.ndarray  # float32 mono 16 kHz
    reference: str
    spoken_text: str = ""


def held_out_clips(task: str, sentence_counts: tuple[int, ...] = (1,)) -> Iterator[HeldOutClip]:
    """Yield held-out clips without end, always the same ones.

    task: `call`, `pt`, `en2ja`, `ja2en` or `english`. sentence_counts: possible numbers of sentences in a clip of one
    speaker.
    """
    rng = random.Random(f"held out {task} {sentence_counts}")
    kind = "en2ja" if task == "english" else task
    maker = pool.MAKERS[kind](rng.getrandbits(32))
    while True:
        if kind == "call":
            yield _call(rng, maker)
        else:
            yield _sentences(rng, maker, task, kind, rng.choice(sentence_counts))


def _call(rng: random.Random, maker: sentences.SentenceMaker) -> HeldOutClip:
    speakers = voices.draw_speakers(rng, voices.HELD_OUT_HALF_TONES)

    def draw_sentence(speaker: voices.Speaker) -> voices.SpokenSentence:
        speed = rng.choice(voices.HELD_OUT_SPEEDS)
        voice = voices.Voice("openjtalk", half_tone=speaker.half_tone, speed=speed)
        return pool.speak_sentence("call", maker.draw(held_out=True), voice).warped(speaker.factor)

    waveform, reference, *_ = compose_call(rng, speakers, voices.draw_turn_lengths(rng), draw_sentence, telephone=True)
    return HeldOutClip(waveform, reference)


def _sentences(rng: random.Random, maker: sentences.SentenceMaker, task: str, kind: str, count: int) -> HeldOutClip:
    voice = pool.draw_voice(kind, rng, held_out=True)
    factor = voices.draw_factor(rng, voice)
    spoken = [pool.speak_sentence(kind, maker.draw(held_out=True), voice).warped(factor) for _ in range(count)]
    waveform, reference, *_ = compose_sentences(task, spoken, rng)
    return HeldOutClip(waveform, reference, join_texts(sentence.text for sentence in spoken))


def right_speakers(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> int:
    """Return the number of reference turns of which most matched characters have the right label.

    Labels are compared as they are, without pairing.
    """
    matched = matched_labels(reference, hypothesis)
    return sum(labels.count(turn.speaker) * 2 > len(labels) for turn, labels in zip(reference, matched, strict=True))


def matched_labels(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> list[list[str | None]]:
    """Return the labels of the matched characters of each reference turn, one label per character."""
    labels = [turn.speaker for turn in hypothesis for _ in turn.text]
    matched: list[list[str | None]] = [[] for _ in reference]
    for number, place, is_equal in _aligned_characters(reference, hypothesis):
        if is_equal:
            matched[number].append(labels[place])
    return matched


def written_shares(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> list[float]:
    """Return the share of each reference turn's characters with a counterpart in the hypothesis, right or wrong."""
    counts = Counter(number for number, _, _ in _aligned_characters(reference, hypothesis))
    return [counts[number] / len(turn.text) for number, turn in enumerate(reference)]


def _aligned_characters(reference: tuple[Turn, ...], hypothesis: tuple[Turn, ...]) -> Iterator[tuple[int, int, bool]]:
    """Yield the reference characters with a counterpart: number of the turn, place in the hypothesis, whether equal."""
    from rapidfuzz.distance import Levenshtein

    source, target = ("".join(turn.text for turn in turns) for turns in (reference, hypothesis))
    turn_of = [number for number, turn in enumerate(reference) for _ in turn.text]
    for block in Levenshtein.opcodes(source, target):
        if block.tag in ("equal", "replace"):
            for offset in range(block.src_end - block.src_start):
                yield turn_of[block.src_start + offset], block.dest_start + offset, block.tag == "equal"


@dataclass(frozen=True)
class Row:
    """A row of the table. forced: whether the prompt forces the output language."""

    label: str
    task: str
    sentence_counts: tuple[int, ...] = (1,)
    forced: bool = True


ROWS = (
    Row("Japanese call (`diarize`)", "call"),
    Row("Portuguese (`pt`)", "pt"),
    Row("English to Japanese (`en2ja`)", "en2ja"),
    Row("Japanese to English (`ja2en`)", "ja2en"),
    Row("Portuguese, several sentences", "pt", SEVERAL),
    Row("English to Japanese, several sentences", "en2ja", SEVERAL),
    Row("Japanese to English, several sentences", "ja2en", SEVERAL),
    Row("English transcribed", "english"),
    Row("Japanese call, language not forced", "call", forced=False),
    Row("Portuguese, language not forced", "pt", forced=False),
    Row("English, language not forced", "english", forced=False),
)


def answers(model, row: Row, clips: list[HeldOutClip]) -> list[str]:
    """Return the texts that the model writes; empty if it names a wrong language."""
    language = OUTPUT_LANGUAGE[row.task]
    decoded = decode(model, [clip.waveform for clip in clips], language if row.forced else None)
    if row.forced:
        return [result.text for result in decoded]
    named = [result.text.partition("<asr_text>") for result in decoded]
    return [text if prefix == f"language {language}" else "" for prefix, _, text in named]


def measure_row(model, row: Row, count: int) -> str:
    """Return a row as Markdown: number of clips, error rate, exact texts, turns with the right speaker."""
    import jiwer

    parse = parse_turns if row.task == "call" else parse_plain
    clips = list(islice(held_out_clips(row.task, row.sentence_counts), count))
    references = [parse(clip.reference)[0] for clip in clips]
    hypotheses = [parse(text)[0] for text in answers(model, row, clips)]
    japanese = OUTPUT_LANGUAGE[row.task] == "Japanese"
    error_rate = (jiwer.cer if japanese else jiwer.wer)(
        *[[join_texts(turn.text for turn in turns) for turns in side] for side in (references, hypotheses)]
    )
    pairs = list(zip(references, hypotheses, strict=True))
    exact = sum(reference == hypothesis for reference, hypothesis in pairs)
    cells = [row.label, str(count), f"{'CER' if japanese else 'WER'} {error_rate:.2%}", f"{exact / count:.1%}"]
    turns = sum(map(len, references))
    right = sum(right_speakers(reference, hypothesis) for reference, hypothesis in pairs)
    cells.append(f"{right / turns:.1%} of {turns}" if row.task == "call" else "")
    return f"| {' | '.join(cells)} |"


def main(argv: list[str] | None = None) -> int:
    """Print the table; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.measure", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default=str(ROOT / "assets" / "tiny"))
    parser.add_argument("--clips", type=int, default=CLIPS, help="number of clips per row")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="default: %(default)s")
    options = parser.parse_args(argv)
    model = load_recognizer(options.checkpoint, getattr(torch, options.dtype))
    print("| task | clips | error rate | exact | turns with the right speaker |\n| --- | --- | --- | --- | --- |")
    for row in ROWS:
        print(measure_row(model, row, options.clips), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
