"""Error counts and scores, each by a maintained library, and the intervals around them.

Counts are summed over a set before they are divided: a rate is never the mean of rates. All figures are on the scale
of the model cards, where 100 is every word wrong, or every n-gram found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kikitori.text.error_counts import Errors

RESAMPLES = 1000
"""Of the bootstrap; sacrebleu's number."""
SEED = 12345
"""Of the bootstrap; sacrebleu's seed."""


@dataclass(frozen=True)
class Figure:
    """One figure of a set and its 95 % bootstrap interval, from 0 to 100 (error rates may pass 100)."""

    name: str
    value: float
    low: float
    high: float
    detail: str
    """The counts that it comes from, or the library's signature."""


def word_errors(reference: str, hypothesis: str) -> Errors:
    """Of words, parted by white space, by jiwer."""
    import jiwer

    return Errors.of(jiwer.process_words(reference, hypothesis))


def character_errors(reference: str, hypothesis: str) -> Errors:
    """Of characters, spaces included, by jiwer."""
    import jiwer

    return Errors.of(jiwer.process_characters(reference, hypothesis))


def speaker_errors(reference: Mapping[str, str], hypothesis: Mapping[str, str]) -> tuple[Errors, Errors]:
    """The concatenated minimum-permutation errors of a call, of its characters and of its speakers, by meeteval.

    reference, hypothesis: all words of each speaker, in order. The labels need not agree: those are paired that give
    the fewest errors. White space is no character here.

    Returns:
        The characters' errors (cpCER), and the speakers': one too many is inserted, one too few deleted.
    """
    from meeteval.wer import cp_word_error_rate

    sides = [{label: list("".join(text.split())) for label, text in side.items()} for side in (reference, hypothesis)]
    found = cp_word_error_rate(*sides, reference_sort=False, hypothesis_sort=False)
    characters = Errors(found.insertions, found.deletions, found.substitutions, found.length)
    return characters, Errors(found.falarm_speaker, found.missed_speaker, 0, found.scored_speaker)


def error_rate(name: str, errors: Sequence[Errors]) -> Figure:
    """The rate over a set, one Errors an utterance. Raises ValueError where the references hold nothing."""
    summed = sum(errors, Errors(0, 0, 0, 0))
    if not summed.length:
        raise ValueError(f"{name} needs references that are not empty")
    low, high = _bootstrap(np.array([[one.total, one.length] for one in errors]))
    kinds = f"{summed.insertions} insertions, {summed.deletions} deletions, {summed.substitutions} substitutions"
    return Figure(name, 100 * summed.total / summed.length, low, high, f"{kinds} in {summed.length}")


def _bootstrap(counts: np.ndarray) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of 100 * errors / length, from counts (utterances, 2), int."""
    rng = np.random.default_rng(SEED)
    sums = np.array([counts[rng.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(RESAMPLES)])
    sums = sums[sums[:, 1] > 0]  # where by chance only empty references were drawn, there is no rate
    low, high = np.percentile(100 * sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def bleu(name: str, references: Sequence[str], hypotheses: Sequence[str], tokenize: str) -> Figure:
    """Corpus BLEU by sacrebleu. tokenize: `13a`, `ja-mecab`, `char`, or `none` for words parted by spaces."""
    from sacrebleu.metrics import BLEU

    return _corpus_score(name, BLEU(tokenize=tokenize), references, hypotheses)


def chrf(name: str, references: Sequence[str], hypotheses: Sequence[str]) -> Figure:
    """Corpus chrF2 by sacrebleu."""
    from sacrebleu.metrics import CHRF

    return _corpus_score(name, CHRF(), references, hypotheses)


def _corpus_score(name: str, metric, references: Sequence[str], hypotheses: Sequence[str]) -> Figure:
    """A sacrebleu metric with the interval that its bootstrap gives: its mean and half the width around it."""
    score = metric.corpus_score(hypotheses, [references], n_bootstrap=RESAMPLES)
    signature = str(metric.get_signature())
    found = json.loads(score.format(width=4, signature=signature, is_json=True))
    middle, half = found.get("confidence_mean", 0.0), found.get("confidence_var", 0.0)  # left out where they are 0
    return Figure(name, found["score"], max(0.0, middle - half), min(100.0, middle + half), signature)


def mean_score(name: str, scores: Sequence[float]) -> Figure:
    """The mean of scores, one an utterance, on their own scale. Raises ValueError for none."""
    if not scores:
        raise ValueError(f"{name} needs at least one score")
    rng = np.random.default_rng(SEED)
    drawn = [rng.choice(scores, size=len(scores)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(name, float(np.mean(scores)), float(low), float(high), f"{len(scores)} scores")
