"""The context of a recording, such as names that may be said: what is refused, and whether a text copies it.

The context is the system turn of the prompt. The base checkpoint was trained with it (Qwen3-ASR's technical report,
"context biasing"). Any checkpoint can copy it into the text, most of all for noise.
"""

from __future__ import annotations

import re

from kikitori.errors import TextError
from kikitori.text.tags import TOKEN

MAX_CONTEXT_CHARACTERS = 2000
"""Every window's prompt holds the context: this many Japanese characters are about as many tokens as two minutes of
sound."""
MIN_COPIED_TERMS = 3
"""So many terms of the context in a row are copied; a name or two may have been said."""
MIN_COPIED_SHARE = 0.5
"""An echo consists of copied terms to this share at least."""

_BETWEEN_TERMS = re.compile(r"[,;:.!?、。，；：．！？・|/\n\t]+")
_NO_LETTERS = re.compile(r"[\W_]+")
_LANGUAGE = "<asr_text>"
"""What comes before it is the language that the model has detected."""


def check_context(context: str) -> str:
    """Return the context without white space at its ends.

    Raises TextError for more than MAX_CONTEXT_CHARACTERS, and for a tag or a control token of the tokenizer: the model
    would take `<|audio_pad|>`, for example, for sound. Raises ValueError for what is no string.
    """
    if not isinstance(context, str):
        raise ValueError(f"the context must be a string, but is {context!r}")
    context = context.strip()
    if len(context) > MAX_CONTEXT_CHARACTERS:
        raise TextError("context_too_long", length=len(context), limit=MAX_CONTEXT_CHARACTERS)
    if token := TOKEN.search(context):
        raise TextError("context_token", token=token[0])
    try:
        context.encode()
    except UnicodeEncodeError as error:
        raise TextError("not_utf8", name="the context") from error
    return context


def echoes(text: str, context: str) -> bool:
    """Whether a text is a copy of the context, at least to MIN_COPIED_SHARE of its letters.

    Terms stand between commas, full stops and line breaks; with fewer than MIN_COPIED_TERMS of those, between spaces. A
    letter is copied if it belongs to MIN_COPIED_TERMS terms that follow each other in both. Case, spaces and
    punctuation do not count.

    text: as the model wrote it, with tags.
    """
    letters = _letters(TOKEN.sub(" ", text.rpartition(_LANGUAGE)[2]))
    terms = _terms(context)
    is_copied = [False] * len(letters)
    for first in range(len(terms) - MIN_COPIED_TERMS + 1):
        run = "".join(terms[first : first + MIN_COPIED_TERMS])
        for found in re.finditer(re.escape(run), letters):
            is_copied[found.start() : found.end()] = [True] * len(run)
    return sum(is_copied) > 0 and sum(is_copied) >= MIN_COPIED_SHARE * len(letters)


def _terms(context: str) -> list[str]:
    """The letters of each term."""
    terms = list(filter(None, map(_letters, _BETWEEN_TERMS.split(context))))
    return terms if len(terms) >= MIN_COPIED_TERMS else list(filter(None, map(_letters, context.split())))


def _letters(text: str) -> str:
    return _NO_LETTERS.sub("", text.casefold())
