"""Compare a transcript with a reference text: error rates, and where the words differ. jiwer counts the errors."""

from __future__ import annotations

from kikitori.errors import SpeechError
from kikitori.text.error_counts import ErrorCounts

MAX_CHARACTERS = 50_000
"""In each text; about an hour of reading aloud, compared in at most about 1 s. The time grows with the square of the
length: four hours would take 20 s, during which the server would answer nobody."""


def compare(reference: str, hypothesis: str) -> dict:
    """Count word and character errors, and split the words into pieces that agree or differ, for comparison.js.

    reference: the correct text. hypothesis: the transcript; may be empty.
    Raises SpeechError for an empty reference and for more than MAX_CHARACTERS in either text.
    """
    import jiwer

    if (length := max(len(reference), len(hypothesis))) > MAX_CHARACTERS:
        raise SpeechError(
            "reference_too_long",
            length=f"{length:,}",
            limit=f"{MAX_CHARACTERS:,}",
        )
    if not reference.strip():
        raise SpeechError("no_reference")
    words = jiwer.process_words(reference, hypothesis)
    characters = jiwer.process_characters(reference, hypothesis)
    expected, written = words.references[0], words.hypotheses[0]
    pieces = [
        {
            "same": chunk.type == "equal",
            "expected": " ".join(expected[chunk.ref_start_idx : chunk.ref_end_idx]),
            "written": " ".join(written[chunk.hyp_start_idx : chunk.hyp_end_idx]),
        }
        for chunk in words.alignments[0]
    ]
    counts = {"words": ErrorCounts.of(words), "characters": ErrorCounts.of(characters)}
    return {name: {"errors": one.total, "length": one.length} for name, one in counts.items()} | {"pieces": pieces}
