"""What can be wrong with the text of one window: faults that a reader has to know of, seen in the raw text."""

from __future__ import annotations

import re
from itertools import pairwise

from kikitori.result import DecodingResult
from kikitori.text.tags import CONTROL_TOKENS

FAULTS = {
    "budget": "the model did not come to an end: the text may lack its end",
    "loop": "the model repeats itself: some of the text was hardly said, and some of the speech may be missing",
    "control_token": "the model wrote control tokens among the words: they are removed, and words may be missing",
    "echo": "the model wrote its instructions into the text",
    "empty": "somebody speaks, and the model wrote nothing",
}
"""Kind -> what it means for the reader, without the time."""

MIN_LOOP_CHARACTERS = 30
MIN_REPEATS = 5
"""People say `no` five times, and read out numbers; they don't say the same 30 characters in a row five times over."""
MAX_PERIOD_CHARACTERS = 80
"""Longer than two phrases that take turns."""
MIN_COUNT = 15
"""Numbers in a row, each one more than the last: a loop that qwen-asr's own repair does not see."""
MIN_SPEECH_SECONDS = 1.0
"""Less speech than this may really be a breath or a click."""

_TAG_OR_SPACE = re.compile(r"<\|spk_[0-9]+\|>|\s+")
_REPEATED = re.compile(rf"(.{{1,{MAX_PERIOD_CHARACTERS}}}?)\1{{{MIN_REPEATS - 1},}}", re.DOTALL)
_PROMPT = re.compile(r"\A\s*(?:system|user|assistant)\s*\n|language [A-Z][a-z]+<asr_text>")
_CONTROL = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))


def find_faults(decoded: DecodingResult, speech_seconds: float) -> tuple[str, ...]:
    """The faults of a window's text, keys of FAULTS. speech_seconds: how much voice there is in the window."""
    text = decoded.text
    found = {
        "budget": decoded.ended_by == "budget",
        "loop": decoded.ended_by == "loop" or has_loop(text),
        "control_token": bool(_CONTROL.search(text)),
        "echo": bool(_PROMPT.search(text)),
        "empty": speech_seconds >= MIN_SPEECH_SECONDS and not _TAG_OR_SPACE.sub("", text),
    }
    return tuple(kind for kind in FAULTS if found[kind])


def has_loop(text: str) -> bool:
    """Whether a text goes round in circles: a phrase, or several that take turns, or counting."""
    words = _TAG_OR_SPACE.sub("", text)
    repeated = any(len(match[0]) >= MIN_LOOP_CHARACTERS for match in _REPEATED.finditer(words))
    return repeated or _longest_count(text) >= MIN_COUNT


def _longest_count(text: str) -> int:
    numbers = [int(digits) for digits in re.findall(r"[0-9]{1,9}", text)]
    longest = run = min(1, len(numbers))
    for one, two in pairwise(numbers):
        run = run + 1 if two == one + 1 else 1
        longest = max(longest, run)
    return longest
