"""How many words or characters of a text are wrong: counted by jiwer, for the page and for `evaluation`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Errors:
    """How a hypothesis differs from a reference of `length` words, characters or speakers."""

    insertions: int
    deletions: int
    substitutions: int
    length: int

    @classmethod
    def of(cls, output) -> Errors:
        """Those in what `jiwer.process_words` or `jiwer.process_characters` gives."""
        length = output.hits + output.substitutions + output.deletions
        return cls(output.insertions, output.deletions, output.substitutions, length)

    @property
    def total(self) -> int:
        """All three kinds."""
        return self.insertions + self.deletions + self.substitutions

    def __add__(self, other: Errors) -> Errors:
        """Both, kind by kind."""
        return Errors(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))
