"""A transcript against what should stand there: the rates, and where the words differ. Errors are counted by jiwer."""

from __future__ import annotations

from kikitori.errors import SpeechError
from kikitori.text.error_counts import Errors

MAX_CHARACTERS = 50_000
"""Of each text, about an hour's reading. Twice as many take four times as long to compare, and four hours of dictation
20 s of a processor, during which the server would answer nobody; these take about one at the most."""


def compare(reference: str, hypothesis: str) -> dict:
    """Word and character errors, and the words in order as pieces that agree or not, for static/view.js.

    reference: as it is meant to be written; white space alone is a SpeechError. hypothesis: may be empty. More than
    MAX_CHARACTERS in either is a SpeechError.
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
    counts = {"words": Errors.of(words), "characters": Errors.of(characters)}
    return {name: {"errors": one.total, "length": one.length} for name, one in counts.items()} | {"pieces": pieces}
