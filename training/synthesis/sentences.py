"""Patterns and words -> sentences, and which of them training never sees."""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

from training.synthesis import sentences_en_ja, sentences_ja, sentences_pt

HELD_OUT_ONE_IN = 8
"""One sentence in so many, picked by a checksum of its words, is kept for measuring."""

_SLOT = re.compile(r"\{([a-z]+)(\d?)(\^?)\}")


@dataclass(frozen=True)
class Sentence:
    """What is said, in its language, and the same in the other language where there is one."""

    text: str
    translation: str = ""
    from_words: bool = True
    """False for a fixed phrase, which has no combination that could be held out."""

    @property
    def held_out(self) -> bool:
        """Whether training must not see it; the same on every machine, and for both sides of a translation."""
        key = min(filter(None, (self.text, self.translation)))
        return self.from_words and zlib.crc32(key.encode()) % HELD_OUT_ONE_IN == 0


class SentenceMaker:
    """Draws sentences at random; each slot goes through all of its words before one comes again."""

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
        """One sentence; of those that training never sees if `held_out`, else of the others."""
        while True:
            sentence = self._fill(self._random.choices(self._patterns, self._weights)[0])
            if sentence.held_out == held_out:
                return sentence

    def _fill(self, pattern: tuple[str, ...]) -> Sentence:
        chosen: dict[str, tuple[str, ...]] = {}

        def fill(side: int) -> str:
            def word(match: re.Match) -> str:
                name, number, capital = match.groups()
                # Two languages share a slot's word; within one, every slot draws its own.
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
        if word in chosen.values():  # "from Kyoto to Kyoto": take the next one
            return self._next_word(name, chosen)
        return word


def call_sentences(seed: int) -> SentenceMaker:
    """Japanese, as on the phone."""
    return _one_language(sentences_ja, seed)


def portuguese_sentences(seed: int) -> SentenceMaker:
    """Portuguese, cased and punctuated."""
    return _one_language(sentences_pt, seed)


def english_sentences(seed: int) -> SentenceMaker:
    """English with its Japanese translation."""
    return SentenceMaker(sentences_en_ja.PATTERNS, sentences_en_ja.WORDS, seed)


def japanese_sentences(seed: int) -> SentenceMaker:
    """Japanese with its English translation: the same pairs from the other side."""
    return SentenceMaker(
        [(japanese, english) for english, japanese in sentences_en_ja.PATTERNS],
        {name: [(japanese, english) for english, japanese in pairs] for name, pairs in sentences_en_ja.WORDS.items()},
        seed,
    )


def _one_language(module, seed: int) -> SentenceMaker:
    words = {name: [(word,) for word in entries] for name, entries in module.WORDS.items()}
    return SentenceMaker([(pattern,) for pattern in module.PATTERNS], words, seed)
