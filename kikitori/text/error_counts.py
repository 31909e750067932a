"""How many words or characters of a text are wrong, as counted by jiwer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorCounts:
    """Differences between a hypothesis and a reference of `length` words, characters or speakers."""

    insertions: int
    deletions: int
    substitutions: int
    length: int

    @classmethod
    def of(cls, output) -> ErrorCounts:
        """Take the counts from what `jiwer.process_words` or `jiwer.process_characters` returns."""
        length = output.hits + output.substitutions + output.deletions
        return cls(output.insertions, output.deletions, output.substitutions, length)

    @property
    def total(self) -> int:
        """Insertions, deletions and substitutions together."""
        return self.insertions + self.deletions + self.substitutions

    def __add__(self, other: ErrorCounts) -> ErrorCounts:
        """Add the counts of two pairs of texts."""
        return ErrorCounts(
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.substitutions + other.substitutions,
            self.length + other.length,
        )
