"""Sentences with names, for teaching the tiny checkpoint lists of names.

They come in addition to those of the other modules, which the tokenizer and the model card's figures depend on.
"""

from __future__ import annotations

from training.synthesis import names, sentences_en_ja, sentences_ja, sentences_pt

ENGLISH_PATTERNS = """
My name is {name}.
This is {name} speaking.
Hello, {name}, how are you?
Thank you, {name}.
I am looking for {name}.
{name} is my friend.
{name} lives in {city}.
{name} is at {place}.
{name} likes {food}.
{name} bought {thing} {past}.
{name} will go to {city} {day}.
{name} wants to {do}.
I will meet {name} at {place}.
Please show {name} {thing}.
Please call {name} at {hour}.
Where did {name} buy {thing}?
{name} and {name} went to {place}.
""".strip().splitlines()


def patterns(language: str) -> list[str]:
    """Return the patterns of a language that have a name."""
    if language == "English":
        return ENGLISH_PATTERNS
    module = sentences_ja if language == "Japanese" else sentences_pt
    return [pattern for pattern in module.PATTERNS if "{name}" in pattern]


def words(language: str) -> dict[str, list[str]]:
    """Return the words for the slots of `patterns`; as names the usual spelling of every group."""
    if language == "English":
        others = {name: [english for english, _ in pairs] for name, pairs in sentences_en_ja.WORDS.items()}
    else:
        others = (sentences_ja if language == "Japanese" else sentences_pt).WORDS
    return {**others, "name": names.usual_names(language)}
