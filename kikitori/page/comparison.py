"""Compare a transcript with a reference text: error rates, and where the words differ. jiwer counts the errors.

They are counted in a process of their own, which runs this file: jiwer's C code holds up all threads of its process.
"""

from __future__ import annotations

import json
import subprocess
import sys

from kikitori.errors import SpeechError
from kikitori.tasks import PACKAGE
from kikitori.text.error_counts import ErrorCounts

MAX_CHARACTERS = 50_000
"""In each text; about an hour of reading aloud, compared in about 1 s. The time grows with the square of the length."""


def compare(reference: str, hypothesis: str) -> dict:
    """Count word and character errors, and split the words into pieces that agree or differ, for comparison.js.

    reference: the correct text. hypothesis: the transcript; may be empty.
    Raises SpeechError for an empty reference and for more than MAX_CHARACTERS in either text.
    """
    if (length := max(len(reference), len(hypothesis))) > MAX_CHARACTERS:
        raise SpeechError(
            "reference_too_long",
            length=f"{length:,}",
            limit=f"{MAX_CHARACTERS:,}",
        )
    if not reference.strip():
        raise SpeechError("no_reference")
    command = [sys.executable, "-m", "kikitori.page.comparison"]
    texts = json.dumps([reference, hypothesis])
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return json.loads(done.stdout)


def count_errors(reference: str, hypothesis: str) -> dict:
    """Return what `compare` returns."""
    import jiwer

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


if __name__ == "__main__":
    print(json.dumps(count_errors(*json.load(sys.stdin))))
