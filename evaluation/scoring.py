"""Chooses the figures for each task: those of the model cards, and the customary ones in addition."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.data import Segment
from evaluation.metrics import Figure, bleu, character_errors, chrf, error_rate, speaker_errors, word_errors
from evaluation.normalisation import NORMALISERS, normalise_speech
from kikitori.strings import join_texts
from kikitori.tasks import Task
from kikitori.text.error_counts import ErrorCounts

BLEU_TOKENS = {"English": "13a", "Japanese": "ja-mecab"}

UNSPACED = ("Cantonese", "Chinese", "Japanese", "Thai")
"""Languages without spaces between words: their errors are counted in characters.

The summary of the technical report gives CER for Mandarin and the Chinese dialects, and WER for English. It does not
say what it gives for the others.
"""


@dataclass(frozen=True)
class Pair:
    """The reference and the hypothesis of one recording.

    language: the spoken language, for `transcribe`; detected: the one that the model detected, or that it was told.
    """

    reference: tuple[Segment, ...]
    hypothesis: tuple[Segment, ...]
    language: str = ""
    detected: str = ""

    @property
    def texts(self) -> tuple[str, str]:
        """The words of reference and hypothesis, without speakers."""
        return join_segments(self.reference), join_segments(self.hypothesis)

    @property
    def has_words(self) -> bool:
        """Whether the reference has words, not just speakers."""
        return all(segment.text is not None for segment in self.reference)


def join_segments(segments: Iterable[Segment]) -> str:
    """Return the words of all segments as one text."""
    return join_texts(segment.text or "" for segment in segments)


def by_speaker(segments: Iterable[Segment]) -> dict[str, str]:
    """Return speaker -> all words of that speaker. Segments without a speaker belong to the speaker `unknown`."""
    spoken: dict[str, list[str]] = defaultdict(list)
    for segment in segments:
        spoken[segment.speaker or "unknown"].append(segment.text or "")
    return {speaker: "".join(texts) for speaker, texts in spoken.items()}


def count_errors(task: Task, pair: Pair) -> dict[str, ErrorCounts]:
    """Return the name of each error rate -> the error counts of one recording; empty for translation.

    Portuguese: WER and CER, as on its card. Calls: cpCER, CER and speaker count errors; only the last if the reference
    has no words. `transcribe`: WER or CER of the spoken language.
    """
    if task.translates:
        return {}
    if task.takes_any:
        return spoken_errors(pair)
    if not task.has_speakers:
        return {"WER": word_errors(*pair.texts), "CER": character_errors(*pair.texts)}
    reference, hypothesis = by_speaker(pair.reference), by_speaker(pair.hypothesis)
    if not pair.has_words:
        _, speakers = speaker_errors(dict.fromkeys(reference, "x"), dict.fromkeys(hypothesis, "x"))
        return {"speaker count errors": speakers}
    characters, speakers = speaker_errors(reference, hypothesis)
    return {"cpCER": characters, "CER": character_errors(*pair.texts), "speaker count errors": speakers}


def spoken_errors(pair: Pair) -> dict[str, ErrorCounts]:
    """Return the name of the error rate -> the error counts of one recording: WER, or CER in languages of UNSPACED."""
    texts = [normalise_speech(pair.language, text) for text in pair.texts]
    if pair.language not in UNSPACED:
        return {f"WER, {pair.language}": word_errors(*texts)}
    return {f"CER, {pair.language}": character_errors(*(text.replace(" ", "") for text in texts))}


def score(task: Task, pairs: Sequence[Pair]) -> tuple[Figure, ...]:
    """Return the figures of a test set: error rates, or for translation BLEU and chrF, both raw and normalised."""
    if not pairs:
        return ()
    if task.translates:
        return _translation_scores(task.language, pairs)
    errors: dict[str, list[ErrorCounts]] = defaultdict(list)
    for pair in pairs:
        for name, counted in count_errors(task, pair).items():
            errors[name].append(counted)
    return tuple(error_rate(name, found) for name, found in errors.items() if any(counts.length for counts in found))


def _translation_scores(language: str, pairs: Sequence[Pair]) -> tuple[Figure, ...]:
    # Normalised texts are already split into words, so BLEU needs no tokenizer for them.
    references, hypotheses = zip(*(pair.texts for pair in pairs), strict=True)
    normalise = NORMALISERS[language]
    words = [[normalise(text) for text in side] for side in (references, hypotheses)]
    return (
        bleu("BLEU", references, hypotheses, BLEU_TOKENS[language]),
        chrf("chrF", references, hypotheses),
        bleu("BLEU, normalised", *words, "none"),
        chrf("chrF, normalised", *words),
    )
