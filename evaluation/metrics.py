"""Error counts and scores from maintained libraries, with bootstrap intervals.

A rate is the sum of errors over the sum of lengths, never a mean of rates. Figures have the model cards' scale: an
error rate of 100 means as many errors as words, a BLEU or chrF of 100 that every n-gram matches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kikitori.text.error_counts import ErrorCounts

RESAMPLES = 1000
"""Number of bootstrap samples; sacrebleu's default."""
SEED = 12345
"""Seed of the bootstrap; sacrebleu's default."""


@dataclass(frozen=True)
class Figure:
    """A figure of a test set with its 95 % bootstrap interval, 0 to 100 (error rates can exceed 100)."""

    name: str
    value: float
    low: float
    high: float
    detail: str
    """The counts behind the figure, or the library's signature."""


def word_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count word errors with jiwer. Words are separated by white space."""
    import jiwer

    return ErrorCounts.of(jiwer.process_words(reference, hypothesis))


def character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Count character errors with jiwer. Spaces count as characters."""
    import jiwer

    return ErrorCounts.of(jiwer.process_characters(reference, hypothesis))


def speaker_errors(reference: Mapping[str, str], hypothesis: Mapping[str, str]) -> tuple[ErrorCounts, ErrorCounts]:
    """Count the concatenated minimum-permutation errors of a call with meeteval: of its characters and its speakers.

    reference, hypothesis: speaker -> all words of that speaker, in order. The labels need not agree: speakers are
    paired so that the errors are fewest. White space is ignored.

    Returns:
        The character errors (cpCER) and the speaker errors: an extra speaker is an insertion, a missing one a deletion.
    """
    from meeteval.wer import cp_word_error_rate

    sides = [{label: list("".join(text.split())) for label, text in side.items()} for side in (reference, hypothesis)]
    found = cp_word_error_rate(*sides, reference_sort=False, hypothesis_sort=False)
    characters = ErrorCounts(found.insertions, found.deletions, found.substitutions, found.length)
    return characters, ErrorCounts(found.falarm_speaker, found.missed_speaker, 0, found.scored_speaker)


def error_rate(name: str, errors: Sequence[ErrorCounts]) -> Figure:
    """The error rate of a test set. errors: one per utterance. Raises ValueError if all references are empty."""
    summed = sum(errors, ErrorCounts(0, 0, 0, 0))
    if not summed.length:
        raise ValueError(f"{name} needs references that are not empty")
    low, high = _bootstrap(np.array([[counts.total, counts.length] for counts in errors]))
    kinds = f"{summed.insertions} insertions, {summed.deletions} deletions, {summed.substitutions} substitutions"
    return Figure(name, 100 * summed.total / summed.length, low, high, f"{kinds} in {summed.length}")


def share(name: str, hits: Sequence[bool]) -> Figure:
    """The share of utterances that are hits. Raises ValueError if there are none."""
    if not hits:
        raise ValueError(f"{name} needs at least one utterance")
    low, high = _bootstrap(np.array([[hit, 1] for hit in hits], int))
    return Figure(name, 100 * sum(hits) / len(hits), low, high, f"{sum(hits)} of {len(hits)}")


def _bootstrap(counts: np.ndarray) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of 100 * errors / length (or hits / tries), from counts (utterances, 2), int."""
    rng = np.random.default_rng(SEED)
    sums = np.array([counts[rng.integers(len(counts), size=len(counts))].sum(axis=0) for _ in range(RESAMPLES)])
    sums = sums[sums[:, 1] > 0]  # a draw of only empty references has no rate
    low, high = np.percentile(100 * sums[:, 0] / sums[:, 1], [2.5, 97.5])
    return float(low), float(high)


def bleu(name: str, references: Sequence[str], hypotheses: Sequence[str], tokenize: str) -> Figure:
    """Corpus BLEU by sacrebleu. tokenize: `13a`, `ja-mecab`, `char`, or `none` for words separated by spaces."""
    from sacrebleu.metrics import BLEU

    return _corpus_score(name, BLEU(tokenize=tokenize), references, hypotheses)


def chrf(name: str, references: Sequence[str], hypotheses: Sequence[str]) -> Figure:
    """Corpus chrF2 by sacrebleu."""
    from sacrebleu.metrics import CHRF

    return _corpus_score(name, CHRF(), references, hypotheses)


def _corpus_score(name: str, metric, references: Sequence[str], hypotheses: Sequence[str]) -> Figure:
    """Compute a sacrebleu metric with the interval from its bootstrap, which gives the mean and half the width."""
    score = metric.corpus_score(hypotheses, [references], n_bootstrap=RESAMPLES)
    signature = str(metric.get_signature())
    found = json.loads(score.format(width=4, signature=signature, is_json=True))
    middle, half = found.get("confidence_mean", 0.0), found.get("confidence_var", 0.0)  # sacrebleu leaves zeros out
    return Figure(name, found["score"], max(0.0, middle - half), min(100.0, middle + half), signature)


def mean_score(name: str, scores: Sequence[float]) -> Figure:
    """The mean of scores, one per utterance, on their own scale. Raises ValueError if there are none."""
    if not scores:
        raise ValueError(f"{name} needs at least one score")
    rng = np.random.default_rng(SEED)
    drawn = [rng.choice(scores, size=len(scores)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Figure(name, float(np.mean(scores)), float(low), float(high), f"{len(scores)} scores")
