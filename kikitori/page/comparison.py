"""Compare a transcript with a reference text: error rates, and where the words differ. jiwer counts the errors.

They are counted in a process of their own, which runs this file: jiwer's C code holds up all threads of its process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from itertools import groupby

from kikitori.errors import SpeechError
from kikitori.tasks import PACKAGE
from kikitori.text.error_counts import ErrorCounts

MAX_CHARACTERS = 50_000
"""In each text; about an hour of reading aloud, compared in about 1 s. The time grows with the square of the length."""


def compare(reference: str, hypothesis: str) -> dict:
    """Compare two texts as they are (`exact`) and without case and punctuation (`lenient`), for comparison.js.

    reference: the correct text. hypothesis: the transcript; may be empty.
    Returns what `count_errors` returns for each. Raises SpeechError for an empty reference and for more than
    MAX_CHARACTERS in either text.
    """
    if (length := max(len(reference), len(hypothesis))) > MAX_CHARACTERS:
        raise SpeechError("reference_too_long", length=length, limit=MAX_CHARACTERS)
    if not any(map(plain, reference.split())):
        raise SpeechError("no_reference")
    command = [sys.executable, "-m", "kikitori.page.comparison"]
    texts = json.dumps([reference, hypothesis])
    done = subprocess.run(command, input=texts, capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return json.loads(done.stdout)


def plain(word: str) -> str:
    """A word without case and punctuation; empty if there is nothing else."""
    folded = unicodedata.normalize("NFC", word.casefold())
    return "".join(character for character in folded if unicodedata.category(character)[0] not in "PS")


def count_errors(reference: list[str], hypothesis: list[str], key=str) -> dict:
    """Count the errors in words and characters, and split the words into pieces that agree or differ.

    key: what is compared of a word; words without it are left out.
    """
    import jiwer

    expected, written = ([word for word in words if key(word)] for words in (reference, hypothesis))
    compared = [" ".join(map(key, words)) for words in (expected, written)]
    words, characters = jiwer.process_words(*compared), jiwer.process_characters(*compared)
    pieces = []
    # Differences side by side are one: a word may stand for two.
    for same, chunks in groupby(words.alignments[0], lambda chunk: chunk.type == "equal"):
        run = list(chunks)
        of_reference = expected[run[0].ref_start_idx : run[-1].ref_end_idx]
        of_hypothesis = written[run[0].hyp_start_idx : run[-1].hyp_end_idx]
        pieces.append({"same": same, "expected": " ".join(of_reference), "written": " ".join(of_hypothesis)})
    counts = {"words": ErrorCounts.of(words), "characters": ErrorCounts.of(characters)}
    return {name: {"errors": one.total, "length": one.length} for name, one in counts.items()} | {"pieces": pieces}


def count_both(reference: str, hypothesis: str) -> dict:
    """Return what `compare` returns."""
    texts = reference.split(), hypothesis.split()
    return {"exact": count_errors(*texts), "lenient": count_errors(*texts, key=plain)}


if __name__ == "__main__":
    print(json.dumps(count_both(*json.load(sys.stdin))))
