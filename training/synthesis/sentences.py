"""Makes sentences from patterns and words. Some combinations are held out from training."""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from training.synthesis import sentences_en_ja, sentences_ja, sentences_names, sentences_pt

HELD_OUT_ONE_IN = 8
"""One sentence in HELD_OUT_ONE_IN, chosen by a checksum of its text, is held out for measuring."""

_SLOT = re.compile(r"\{([a-z]+)(\d?)(\^?)\}")


@dataclass(frozen=True)
class Sentence:
    """A sentence, and its translation if there is one."""

    text: str
    translation: str = ""
    from_words: bool = True
    """False for a fixed phrase without slots. Fixed phrases are never held out."""

    @property
    def held_out(self) -> bool:
        """Whether training must not use the sentence. Same on every machine, and for both sides of a translation."""
        key = min(filter(None, (self.text, self.translation)))
        return self.from_words and zlib.crc32(key.encode()) % HELD_OUT_ONE_IN == 0


class SentenceMaker:
    """Draws sentences at random. Each slot uses all of its words before it repeats one."""

    def __init__(self, patterns: list[tuple[str, ...]], words: dict[str, list[tuple[str, ...]]], seed: int):
        self._patterns = patterns
        self._words = words
        self._random = random.Random(seed)
        self._decks: dict[str, list[tuple[str, ...]]] = {}
        # A pattern with many words needs more examples than a fixed phrase.
        self._weights = [
            max([1, *(len(words[name]) for name, _, _ in _SLOT.findall(pattern[0]))]) ** 0.5 for pattern in patterns
        ]

    def draw(self, held_out: bool = False) -> Sentence:
        """Draw a sentence from the held-out ones if `held_out`, else from the others."""
        while True:
            sentence = self._fill(self._random.choices(self._patterns, self._weights)[0])
            if sentence.held_out == held_out:
                return sentence

    def _fill(self, pattern: tuple[str, ...]) -> Sentence:
        chosen: dict[str, tuple[str, ...]] = {}

        def fill(side: int) -> str:
            def word(match: re.Match) -> str:
                name, number, capital = match.groups()
                # The two languages of a pair share a slot's word. In one language each slot draws its own.
                key = name + (number if len(pattern) == 2 else str(match.start()))
                if key not in chosen:
                    chosen[key] = self._next_word(name, chosen)
                text = chosen[key][side]
                return text[0].upper() + text[1:] if capital else text

            return _SLOT.sub(word, pattern[side])

        sides = [fill(side) for side in range(len(pattern))]
        return Sentence(sides[0], sides[1] if len(sides) == 2 else "", bool(chosen))

    def _next_word(self, name: str, chosen: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
        deck = self._decks.get(name)
        if not deck:
            deck = self._decks[name] = random.Random(self._random.random()).sample(
                self._words[name], len(self._words[name])
            )
        word = deck.pop()
        if word in chosen.values():  # avoids "from Kyoto to Kyoto"
            return self._next_word(name, chosen)
        return word


def call_sentences(seed: int) -> SentenceMaker:
    """Return a maker of Japanese sentences from phone calls."""
    return _one_language(sentences_ja.PATTERNS, sentences_ja.WORDS, seed)


def portuguese_sentences(seed: int) -> SentenceMaker:
    """Return a maker of Portuguese sentences with capitals and punctuation."""
    return _one_language(sentences_pt.PATTERNS, sentences_pt.WORDS, seed)


def english_sentences(seed: int) -> SentenceMaker:
    """Return a maker of English sentences with Japanese translations."""
    return SentenceMaker(sentences_en_ja.PATTERNS, sentences_en_ja.WORDS, seed)


def japanese_sentences(seed: int) -> SentenceMaker:
    """Return a maker of Japanese sentences with English translations, from the same pairs."""
    return SentenceMaker(
        [(japanese, english) for english, japanese in sentences_en_ja.PATTERNS],
        {name: [(japanese, english) for english, japanese in pairs] for name, pairs in sentences_en_ja.WORDS.items()},
        seed,
    )


def sentences_with_names(language: str, seed: int) -> SentenceMaker:
    """Return a maker of sentences with names in their usual spelling."""
    return _one_language(sentences_names.patterns(language), sentences_names.words(language), seed)


def _one_language(patterns: Iterable[str], words: Mapping[str, Iterable[str]], seed: int) -> SentenceMaker:
    entries = {name: [(word,) for word in choices] for name, choices in words.items()}
    return SentenceMaker([(pattern,) for pattern in patterns], entries, seed)
