"""Language identification: how often the detected language is the spoken one, and what it is mistaken for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from evaluation.metrics import Figure, share
from evaluation.scoring import Pair

NAME = "language identification"


def identification(pairs: Sequence[Pair]) -> tuple[Figure, ...]:
    """Return the share of recordings whose language was detected: of all, and of each language if there are several.

    A recording in several languages counts as the one of most of its text.
    """
    if not pairs:
        return ()
    hits: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        hits[pair.language].append(pair.detected == pair.language)
    overall = share(NAME, [hit for found in hits.values() for hit in found])
    by_language = (share(f"{NAME}, {language}", found) for language, found in sorted(hits.items()))
    return (overall, *by_language) if len(hits) > 1 else (overall,)


def confusions(pairs: Sequence[Pair]) -> list[dict]:
    """Return the wrong detections, the most frequent first: `spoken`, `detected` (`None` for none), `recordings`."""
    wrong = Counter((pair.language, pair.detected or "None") for pair in pairs if pair.detected != pair.language)
    return [
        {"spoken": spoken, "detected": detected, "recordings": count}
        for (spoken, detected), count in wrong.most_common()
    ]
