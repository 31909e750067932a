"""Which figures tell how right a direction is: the model cards' own, and what is usual beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.data import Segment
from evaluation.metrics import Figure, bleu, character_errors, chrf, error_rate, speaker_errors, word_errors
from evaluation.normalisation import NORMALISERS
from kikitori.strings import join_texts
from kikitori.tasks import Task
from kikitori.text.error_counts import Errors

BLEU_TOKENS = {"English": "13a", "Japanese": "ja-mecab"}


@dataclass(frozen=True)
class Pair:
    """What was said in one recording, and what was heard."""

    reference: tuple[Segment, ...]
    hypothesis: tuple[Segment, ...]

    @property
    def texts(self) -> tuple[str, str]:
        """The words of reference and hypothesis, without speakers."""
        return join_segments(self.reference), join_segments(self.hypothesis)

    @property
    def has_words(self) -> bool:
        """Whether the reference says more than who speaks."""
        return all(segment.text is not None for segment in self.reference)


def join_segments(segments: Iterable[Segment]) -> str:
    """The words of all segments."""
    return join_texts(segment.text or "" for segment in segments)


def by_speaker(segments: Iterable[Segment]) -> dict[str, str]:
    """All words of each speaker; those of none are one speaker's, named `unknown`."""
    spoken: dict[str, list[str]] = defaultdict(list)
    for segment in segments:
        spoken[segment.speaker or "unknown"].append(segment.text or "")
    return {speaker: "".join(texts) for speaker, texts in spoken.items()}


def count_errors(direction: Task, pair: Pair) -> dict[str, Errors]:
    """One recording's errors under the names of their rates; none where it is translated, or nobody speaks.

    Portuguese: WER and CER (its card). Calls: cpCER, CER, and speakers too many or too few; only these last where the
    reference has no words.
    """
    if direction.translates:
        return {}
    if not direction.has_speakers:
        return {"WER": word_errors(*pair.texts), "CER": character_errors(*pair.texts)}
    reference, hypothesis = by_speaker(pair.reference), by_speaker(pair.hypothesis)
    if not pair.has_words:
        _, speakers = speaker_errors(dict.fromkeys(reference, "x"), dict.fromkeys(hypothesis, "x"))
        return {"speaker count errors": speakers}
    characters, speakers = speaker_errors(reference, hypothesis)
    return {"cpCER": characters, "CER": character_errors(*pair.texts), "speaker count errors": speakers}


def score(direction: Task, pairs: Sequence[Pair]) -> tuple[Figure, ...]:
    """The figures of a set: error rates, or for translation BLEU and chrF, as written and normalised."""
    if not pairs:
        return ()
    if direction.translates:
        return _translation_scores(direction.language, pairs)
    errors: dict[str, list[Errors]] = defaultdict(list)
    for pair in pairs:
        for name, counted in count_errors(direction, pair).items():
            errors[name].append(counted)
    return tuple(error_rate(name, found) for name, found in errors.items() if any(one.length for one in found))


def _translation_scores(language: str, pairs: Sequence[Pair]) -> tuple[Figure, ...]:
    """The normalised texts are words parted by spaces already, so that BLEU takes them as they are."""
    references, hypotheses = zip(*(pair.texts for pair in pairs), strict=True)
    normalise = NORMALISERS[language]
    words = [[normalise(text) for text in side] for side in (references, hypotheses)]
    return (
        bleu("BLEU", references, hypotheses, BLEU_TOKENS[language]),
        chrf("chrF", references, hypotheses),
        bleu("BLEU, normalised", *words, "none"),
        chrf("chrF, normalised", *words),
    )
