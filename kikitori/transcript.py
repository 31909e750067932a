"""What was said: turns, transcripts, and the parser for what a checkpoint writes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from kikitori.strings import join_texts

# Where a turn's times come from: a forced aligner, or only the model input that held the turn.
TIMINGS = ("aligned", "window")


@dataclass(frozen=True)
class Word:
    """A stretch of a turn's text and when it was said.

    text: as it stands in the turn, its punctuation and the space before it included, so that a
        turn's words join to its text.
    start_seconds, end_seconds: from the start of the recording, 0 <= start < end.
    """

    text: str
    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        """Raise ValueError for a word that is not as described above."""
        if not self.text.strip():
            raise ValueError(f"a word's text is not empty, not {self.text!r}")
        times = (self.start_seconds, self.end_seconds)
        if not (all(math.isfinite(time) for time in times) and 0 <= self.start_seconds < self.end_seconds):
            raise ValueError(f"a word's times obey 0 <= start < end, not {times}")


@dataclass(frozen=True)
class Turn:
    """One speaker's unbroken speech.

    speaker: label inside one recording, or None where the model gives none.
    text: stripped and not empty.
    start_seconds, end_seconds: from the start of the recording, 0 <= start <= end; both None
        where no time was measured.
    timing: one of TIMINGS, and None exactly when the times are: `aligned` times are the turn's own,
        `window` times are those of the voiced part of the model input that held it.
    words: with their times, in order, where they were aligned; they join to the text.
    low_confidence: stretches of the text that the model was unsure of, as (start, end) of characters, in order.
    source: what was said, where the text is its translation and that was asked for; else empty.
    """

    speaker: str | None
    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    timing: str | None = None
    words: tuple[Word, ...] = ()
    low_confidence: tuple[tuple[int, int], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for a turn that is not as described above."""
        if self.speaker == "":
            raise ValueError("a turn's speaker is a label or None, not an empty string")
        if not self.text or self.text != self.text.strip():
            raise ValueError(f"a turn's text is stripped and not empty, not {self.text!r}")
        if self.words and (self.timing != "aligned" or "".join(word.text for word in self.words) != self.text):
            raise ValueError("only an aligned turn has words, and they join to its text")
        places = [0, *(place for doubt in self.low_confidence for place in doubt), len(self.text)]
        if any(len(doubt) != 2 or doubt[0] == doubt[1] for doubt in self.low_confidence) or places != sorted(places):
            raise ValueError(f"a turn's low_confidence are stretches of its text, in order, not {self.low_confidence}")
        times = (self.start_seconds, self.end_seconds)
        if times == (None, None):
            if self.timing is not None:
                raise ValueError(f"a turn without times has no timing, not {self.timing!r}")
            return
        if None in times or not all(math.isfinite(time) for time in times):
            raise ValueError(f"a turn's times are both None or both finite, not {times}")
        if not 0 <= self.start_seconds <= self.end_seconds:
            raise ValueError(f"a turn's times obey 0 <= start <= end, not {times}")
        if self.timing not in TIMINGS:
            raise ValueError(f"a turn with times has a timing of {TIMINGS}, not {self.timing!r}")


@dataclass(frozen=True)
class TranscriptWarning:
    """Something the reader of a transcript should know.

    kind: one word for programs; message: one sentence for people.
    start_seconds, end_seconds: the part of the recording that it is about; None for all of it.
    """

    kind: str
    message: str
    start_seconds: float | None = None
    end_seconds: float | None = None


@dataclass(frozen=True)
class Transcript:
    """What one recording says, and how it came about.

    audio: name of the recording, without its folder.
    turns: in the order of speech.
    direction: name of the direction (diarize, en2ja, ja2en, pt).
    language: language of the text.
    checkpoint: the checkpoint that wrote it.
    duration_seconds: of the recording, finite and >= 0.
    raw_text: exactly what the model wrote, tags and all.
    draft: what the model is writing while the rest stands, a string a turn; not checked or linked, in no file.
    open_turns: how many of the last turns may still change while the recording is read; in no file.
    """

    audio: str
    turns: tuple[Turn, ...]
    direction: str
    language: str
    checkpoint: str
    duration_seconds: float
    raw_text: str
    warnings: tuple[TranscriptWarning, ...] = ()
    draft: tuple[str, ...] = ()
    open_turns: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError for a transcript that is not as described above."""
        for name, kind in (("turns", Turn), ("warnings", TranscriptWarning)):
            items = getattr(self, name)
            if not isinstance(items, tuple) or not all(isinstance(item, kind) for item in items):
                raise ValueError(f"a transcript's {name} are a tuple of {kind.__name__}")
        for name in ("audio", "direction", "language", "checkpoint"):
            if not getattr(self, name):
                raise ValueError(f"a transcript's {name} is not empty")
        if not (math.isfinite(self.duration_seconds) and self.duration_seconds >= 0):
            raise ValueError(f"a transcript's duration is finite and >= 0, not {self.duration_seconds}")

    @property
    def text(self) -> str:
        """The words of all turns, without tags or labels."""
        return join_texts(turn.text for turn in self.turns)

    @property
    def settled(self) -> tuple[Turn, ...]:
        """The turns that stay as they are."""
        return self.turns[: len(self.turns) - self.open_turns]

    @property
    def speakers(self) -> tuple[str, ...]:
        """The labels, in the order of their first words."""
        labels = (turn.speaker for turn in self.turns if turn.speaker is not None)
        return tuple(dict.fromkeys(labels))

    def to_dict(self) -> dict:
        """Everything that goes into files, as dicts, lists, strings, numbers and None, ready for JSON."""
        return {
            "audio": self.audio,
            "direction": self.direction,
            "language": self.language,
            "checkpoint": self.checkpoint,
            "duration_seconds": self.duration_seconds,
            "text": self.text,
            "turns": [_turn_to_dict(turn) for turn in self.turns],
            "raw_text": self.raw_text,
            "warnings": [asdict(warning) for warning in self.warnings],
        }

    @classmethod
    def from_dict(cls, record: dict) -> Transcript:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError for another record."""
        return cls(
            audio=record["audio"],
            turns=tuple(_turn_from_dict(turn) for turn in record["turns"]),
            direction=record["direction"],
            language=record["language"],
            checkpoint=record["checkpoint"],
            duration_seconds=record["duration_seconds"],
            raw_text=record["raw_text"],
            warnings=tuple(TranscriptWarning(**warning) for warning in record["warnings"]),
        )


def _turn_to_dict(turn: Turn) -> dict:
    low_confidence = [list(span) for span in turn.low_confidence]
    words = [asdict(word) for word in turn.words]
    # `doubts` is the key's name of earlier releases, kept for one more.
    return asdict(turn) | {"words": words, "low_confidence": low_confidence, "doubts": low_confidence}


def _turn_from_dict(record: dict) -> Turn:
    words = tuple(Word(**word) for word in record.get("words", ()))
    low_confidence = tuple(map(tuple, record.get("low_confidence", record.get("doubts", ()))))
    fields = {key: value for key, value in record.items() if key != "doubts"}
    return Turn(**fields | {"words": words, "low_confidence": low_confidence})


def merge_neighbours(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Join neighbours of one speaker into one turn, which begins with the first and ends with the last."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].speaker == turn.speaker:
            merged[-1] = _merge(merged[-1], turn)
        else:
            merged.append(turn)
    return tuple(merged)


def _merge(one: Turn, two: Turn) -> Turn:
    text = join_texts((one.text, two.text))
    moved = len(text) - len(two.text)
    both = {
        "low_confidence": (*one.low_confidence, *((start + moved, end + moved) for start, end in two.low_confidence)),
        "source": join_texts((one.source, two.source)),
    }
    words: tuple[Word, ...] = ()
    if one.words and two.words:
        seam = text[len(one.text) : moved]
        words = (*one.words, replace(two.words[0], text=seam + two.words[0].text), *two.words[1:])
    if one.start_seconds is None or two.start_seconds is None:
        return Turn(one.speaker, text, **both)
    timing = "aligned" if one.timing == two.timing == "aligned" else "window"
    end = max(one.end_seconds, two.end_seconds)
    return Turn(one.speaker, text, one.start_seconds, end, timing, words if timing == "aligned" else (), **both)
