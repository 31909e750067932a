"""Text normalisation: as the model cards describe it, and for any language."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

CLOSING = ".!?…)]}\"'»”’"
"""Characters that may end a sentence. Source: Portuguese card, "Reference / target normalisation", and its "etc."."""

_NOT_WORDS = {"補助記号", "空白"}
"""Sudachi's parts of speech for punctuation and white space."""


def written_form(text: str) -> str:
    """Return the Portuguese card's form of a reference: capitalised, and with a single full stop if it ends in none.

    Quotes and brackets before the first letter are skipped. A text that begins with a digit is not capitalised. A text
    of white space becomes empty. Source: card of yuriyvnv/Qwen3-ASR-1.7B-PT, "Reference / target normalisation".
    """
    text = re.sub(r"^[\W_]*[^\W\d_]", lambda start: start[0].upper(), text.strip())
    text = re.sub(r"\.{2,}$", ".", text)
    return text if not text or text[-1] in CLOSING else f"{text}."


def normalise_english(text: str) -> str:
    """Return lower case words without punctuation, separated by single spaces.

    Uses whisper's BasicTextNormalizer, which the translation card names under "Evaluation metrics". It also removes
    text in brackets.
    """
    return _basic_normaliser()(text).strip()


def normalise_japanese(text: str) -> str:
    """Return words in the dictionary's normalised spelling, without punctuation, separated by single spaces.

    Uses Sudachi with its core dictionary and longest units (mode C). Spelling variants become equal: 打込む and
    打ち込む, 附属 and 付属. Source: the translation card, "morphological tokenization with Kanji display-form
    normalization". Inflected words appear in dictionary form; their endings are separate words.
    """
    words = _japanese_tokenizer().tokenize(text)
    return " ".join(word.normalized_form() for word in words if word.part_of_speech()[0] not in _NOT_WORDS)


def normalise_speech(language: str, text: str) -> str:
    """Return what was said, without differences in writing: for error rates in any language.

    English: whisper's EnglishTextNormalizer, which also writes numbers, contractions and spellings in one way. Other
    languages: NFKC, lower case, a space for each punctuation mark and symbol. Diacritics and vowel signs are kept.
    """
    if language == "English":
        return _english_normaliser()(text)
    folded = unicodedata.normalize("NFKC", text).lower()
    kept = (" " if unicodedata.category(character)[0] in "PS" else character for character in folded)
    return " ".join("".join(kept).split())


NORMALISERS = {"English": normalise_english, "Japanese": normalise_japanese}


@cache
def _basic_normaliser():
    from whisper_normalizer.basic import BasicTextNormalizer

    return BasicTextNormalizer()


@cache
def _english_normaliser():
    from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


@cache
def _japanese_tokenizer():
    from sudachipy import Dictionary, SplitMode

    return Dictionary().tokenizer(mode=SplitMode.C)
