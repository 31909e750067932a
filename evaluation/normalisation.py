"""The forms in which the model cards compare texts."""

from __future__ import annotations

import re
from functools import cache

CLOSING = ".!?…)]}\"'»”’"
"""What a written sentence may end in (Portuguese card, "Reference / target normalisation", and its "etc.")."""

_NOT_WORDS = {"補助記号", "空白"}
"""Sudachi's parts of speech for punctuation and white space."""


def written_form(text: str) -> str:
    """The Portuguese card's form of a reference: a capital first, a full stop at the end, one where there were many.

    Quotes and brackets may stand before the first letter; a text that begins with a digit keeps its letters. Source:
    the card of yuriyvnv/Qwen3-ASR-1.7B-PT, "Reference / target normalisation". White space becomes an empty text.
    """
    text = re.sub(r"^[\W_]*[^\W\d_]", lambda start: start[0].upper(), text.strip())
    text = re.sub(r"\.{2,}$", ".", text)
    return text if not text or text[-1] in CLOSING else f"{text}."


def normalise_english(text: str) -> str:
    """Lower case without punctuation, words parted by single spaces.

    By whisper's BasicTextNormalizer, which the translation card names under "Evaluation metrics". It also drops what
    stands in brackets.
    """
    return _basic_normaliser()(text).strip()


def normalise_japanese(text: str) -> str:
    """Words in the dictionary's normal spelling, without punctuation, parted by single spaces.

    Sudachi with its core dictionary, longest units (mode C): 打込む and 打ち込む, 附属 and 付属 become one, as the
    translation card's "morphological tokenization with Kanji display-form normalization" asks. Inflected words come
    in the form of the dictionary: what follows their stem is in the next words.
    """
    words = _japanese_tokenizer().tokenize(text)
    return " ".join(word.normalized_form() for word in words if word.part_of_speech()[0] not in _NOT_WORDS)


NORMALISERS = {"English": normalise_english, "Japanese": normalise_japanese}


@cache
def _basic_normaliser():
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer()


@cache
def _japanese_tokenizer():
    from sudachipy import Dictionary, SplitMode

    return Dictionary().tokenizer(mode=SplitMode.C)
