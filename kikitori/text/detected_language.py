"""The language that the model detected, which it writes before the text: `language Portuguese<asr_text>Bom dia.`"""

from __future__ import annotations

import re
from dataclasses import replace

from kikitori.result import DecodingResult

PREFIX_TOKENS = 3
"""`language`, the name, `<asr_text>`. The names of rare languages have more, and their first ones decide."""

_PREFIX = re.compile(r"\Alanguage ([A-Z][a-z]+)\s*<asr_text>\s*")
_BEGIN, _LONGEST = "language ", 40


def split_language(result: DecodingResult) -> DecodingResult:
    """Take the prefix from a result that was decoded without a forced language, and fill in `language`.

    A text without the prefix stays as it is; while it is unfinished, a prefix that has begun is left out.
    """
    prefix = _PREFIX.match(result.text)
    if prefix is None:
        return replace(result, text="") if result.ended_by == "cancelled" and _has_begun(result.text) else result
    spans = ((start - prefix.end(), end - prefix.end()) for start, end in result.low_confidence)
    low_confidence = tuple((max(start, 0), end) for start, end in spans if end > 0)
    return replace(result, text=result.text[prefix.end() :], low_confidence=low_confidence, language=prefix[1])


def _has_begun(text: str) -> bool:
    """Whether a text may be a part of the prefix."""
    return _BEGIN.startswith(text) or (text.startswith(_BEGIN) and len(text) < _LONGEST)
