"""Faults in the raw text of one window that a reader has to know about."""

from __future__ import annotations

import re
from itertools import pairwise

from kikitori.result import NO_SPEECH, DecodingResult
from kikitori.text.tags import CONTROL_TOKENS

BROKEN_CHARACTER = "\ufffd"
"""What a tokenizer writes for bytes that are no character."""

FAULTS = {
    "budget": "the model did not finish: the end of the text may be missing",
    "loop": "the model repeats itself: some of the text was probably not spoken, and some of the speech may be missing",
    "control_token": "the model wrote control tokens among the words: they are removed, and words may be missing",
    "echo": "the model copied its instructions into the text",
    "broken_character": "the model wrote half of a character, shown as \ufffd: a word there is wrong",
    "empty": "there is speech, but the model wrote nothing",
}
"""Kind of fault -> its meaning for the reader, without the time."""

# A loop is a phrase of up to MAX_PERIOD_CHARACTERS that is repeated MIN_REPEATS times or more, over MIN_LOOP_CHARACTERS
# or more. People repeat short words, as in "no no no no no", and read numbers aloud, but not for this long.
MIN_LOOP_CHARACTERS = 30
MIN_REPEATS = 5

# Long enough for two phrases that alternate.
MAX_PERIOD_CHARACTERS = 80

# How many consecutive numbers, each one more than the number before, are a loop. qwen-asr's own repair misses those.
MIN_COUNT = 15

# Less speech than this may be a breath or a click.
MIN_SPEECH_SECONDS = 1.0

_TAG_OR_SPACE = re.compile(r"<\|spk_[0-9]+\|>|\s+")
_REPEATED = re.compile(rf"(.{{1,{MAX_PERIOD_CHARACTERS}}}?)\1{{{MIN_REPEATS - 1},}}", re.DOTALL)
_PROMPT = re.compile(r"\A\s*(?:system|user|assistant)\s*\n|language [A-Z][a-z]+<asr_text>")
_CONTROL = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))


def find_faults(decoded: DecodingResult, speech_seconds: float) -> tuple[str, ...]:
    """Return the faults of a window's text, as keys of FAULTS.

    speech_seconds: length of the voiced parts of the window.
    """
    text = decoded.text
    found = {
        "budget": decoded.ended_by == "budget",
        "loop": decoded.ended_by == "loop" or has_loop(text),
        "control_token": bool(_CONTROL.search(text)),
        "echo": bool(_PROMPT.search(text)),
        "broken_character": BROKEN_CHARACTER in text,
        "empty": speech_seconds >= MIN_SPEECH_SECONDS
        and decoded.language != NO_SPEECH
        and not _TAG_OR_SPACE.sub("", text),
    }
    return tuple(kind for kind in FAULTS if found[kind])


def has_loop(text: str) -> bool:
    """Whether a text repeats a phrase, or alternating phrases, or counts upward (see the constants above)."""
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
