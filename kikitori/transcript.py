"""The records of a transcription: words, turns, warnings, and the transcript of a recording."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from numbers import Real
from pathlib import Path
from types import NoneType

from kikitori.strings import format_duration, join_texts

# Where a turn's times come from, best first: a forced aligner, an estimate, or only the model input that held the turn.
TIMINGS = ("aligned", "estimated", "window")

# The latest time in a recording, about 116 days. Anything later is an error, and would not fit into subtitle formats.
MAX_TIME_SECONDS = 1e7


def _check_types(item: object, kind: type | tuple[type, ...], *fields: str) -> None:
    """Raise ValueError if a field is of another type: records may come from a file or from a stranger."""
    for name in fields:
        value = getattr(item, name)
        if not isinstance(value, kind):
            raise ValueError(f"{name} of a {type(item).__name__} must not be of the type {type(value).__name__}")


@dataclass(frozen=True)
class Word:
    """A word of a turn, with its time.

    text: not empty, with its punctuation and the space before it. The words of a turn join to the turn's text.
    start_seconds, end_seconds: from the start of the recording, 0 <= start < end <= MAX_TIME_SECONDS.
    """

    text: str
    start_seconds: float
    end_seconds: float

    def __post_init__(self) -> None:
        """Raise ValueError if a field is not as described above."""
        _check_types(self, str, "text")
        _check_types(self, Real, "start_seconds", "end_seconds")
        if not self.text.strip():
            raise ValueError(f"a word's text must not be empty, but is {self.text!r}")
        times = (self.start_seconds, self.end_seconds)
        if not 0 <= self.start_seconds < self.end_seconds <= MAX_TIME_SECONDS:  # NaN fails too
            raise ValueError(f"a word's times must obey 0 <= start < end <= {MAX_TIME_SECONDS:.0f} s, but are {times}")


@dataclass(frozen=True)
class Turn:
    """One speaker's speech until the next speaker begins.

    speaker: a label within the recording, or None if the model gives none.
    text: without white space at its ends; empty only if a visitor of the page emptied a translation that has a source.
    start_seconds, end_seconds: from the start of the recording, 0 <= start <= end <= MAX_TIME_SECONDS; both are None if
        no time was measured.
    timing: `aligned` if the turn's own times were measured; `estimated` if they were derived from its window's time and
        the length of its text; `window` if they are those of the voiced part of the model input that held the turn,
        as in an Update; None if there are no times.
    words: words with times, in order, if they were aligned; they join to the text.
    low_confidence: ranges of the text that the model was unsure of, as (start, end) of characters, in order.
    source: if the text is a translation and its source was asked for, the text in the spoken language; otherwise "".
    language: English name of the text's language, if the model detected it; otherwise "", as the transcript has one.
    """

    speaker: str | None
    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    timing: str | None = None
    words: tuple[Word, ...] = ()
    low_confidence: tuple[tuple[int, int], ...] = ()
    source: str = ""
    language: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError if a field is not as described above."""
        _check_types(self, str, "text", "source", "language")
        _check_types(self, (str, NoneType), "speaker", "timing")
        _check_types(self, (Real, NoneType), "start_seconds", "end_seconds")
        if self.speaker == "":
            raise ValueError("a turn's speaker must be a label or None, but is an empty string")
        if not (self.text or self.source.strip()) or self.text != self.text.strip():
            raise ValueError(f"a turn's text must be stripped and not empty, but is {self.text!r}")
        if self.words and (self.timing != "aligned" or "".join(word.text for word in self.words) != self.text):
            raise ValueError("a turn's words must join to its text, and need the timing 'aligned'")
        self._check_low_confidence()
        self._check_times()

    def _check_low_confidence(self) -> None:
        end_before = 0
        for start, end in self.low_confidence:
            is_whole = isinstance(start, int) and isinstance(end, int)
            if not (is_whole and end_before <= start < end <= len(self.text)):
                raise ValueError(
                    f"a turn's low_confidence must be ranges of its text, in order, but is {self.low_confidence}"
                )
            end_before = end

    def _check_times(self) -> None:
        times = (self.start_seconds, self.end_seconds)
        if times == (None, None):
            if self.timing is not None:
                raise ValueError(f"a turn without times must have no timing, but has {self.timing!r}")
            return
        if None in times:
            raise ValueError(f"a turn's times must both be None or both be numbers, but are {times}")
        if not 0 <= self.start_seconds <= self.end_seconds <= MAX_TIME_SECONDS:  # NaN fails too
            raise ValueError(f"a turn's times must obey 0 <= start <= end <= {MAX_TIME_SECONDS:.0f} s, but are {times}")
        if self.timing not in TIMINGS:
            raise ValueError(f"a turn with times must have a timing of {TIMINGS}, but has {self.timing!r}")


@dataclass(frozen=True)
class TranscriptWarning:
    """Something that the reader of a transcript should know.

    kind: one word, for programs.
    message: one sentence, for people.
    start_seconds, end_seconds: the part of the recording that it is about; None for the whole recording.
    values: what the message names, for programs and for translated messages.
    """

    kind: str
    message: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    values: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise ValueError if a field is not as described above."""
        _check_types(self, str, "kind", "message")
        _check_types(self, Mapping, "values")
        _check_types(self, (Real, NoneType), "start_seconds", "end_seconds")


@dataclass(frozen=True, repr=False)
class Transcript:
    """The text of one recording, and how it was made.

    audio: name of the recording's file, without its folder.
    turns: in the order of speech.
    direction: name of the direction (diarize, en2ja, ja2en, pt).
    language: language of the text.
    checkpoint: name of the checkpoint that wrote the text.
    duration_seconds: length of the recording, 0 <= duration <= MAX_TIME_SECONDS.
    raw_text: the text as the model wrote it, with tags.
    replacements: what was replaced in the turns afterwards, and by what, in this order.
    """

    audio: str
    turns: tuple[Turn, ...]
    direction: str
    language: str
    checkpoint: str
    duration_seconds: float
    raw_text: str
    warnings: tuple[TranscriptWarning, ...] = ()
    replacements: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError if a field is not as described above."""
        for name, kind in (("turns", Turn), ("warnings", TranscriptWarning)):
            items = getattr(self, name)
            if not isinstance(items, tuple) or not all(isinstance(item, kind) for item in items):
                raise ValueError(f"a transcript's {name} must be a tuple of {kind.__name__}")
        _check_types(self, tuple, "replacements")
        if not all(len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in self.replacements):
            raise ValueError("a transcript's replacements must be pairs of strings")
        _check_types(self, str, "audio", "direction", "language", "checkpoint", "raw_text")
        _check_types(self, Real, "duration_seconds")
        for name in ("audio", "direction", "checkpoint"):
            if not getattr(self, name):
                raise ValueError(f"a transcript's {name} must not be empty")
        if not 0 <= self.duration_seconds <= MAX_TIME_SECONDS:  # NaN fails too
            raise ValueError(
                f"a transcript's duration must obey 0 <= duration <= {MAX_TIME_SECONDS:.0f} s, "
                f"but is {self.duration_seconds}"
            )

    def __repr__(self) -> str:
        """Return one short line: name, direction, length, numbers of turns, speakers and warnings, and first words."""
        counts = [_count(len(self.turns), "turn")]
        counts += [
            _count(len(items), name)
            for items, name in ((self.speakers, "speaker"), (self.warnings, "warning"))
            if items
        ]
        text = self.text if len(self.text) <= 40 else self.text[:39] + "…"
        length = format_duration(self.duration_seconds)
        return f"<Transcript of {self.audio!r}: {self.direction}, {length}, {', '.join(counts)}, {text!r}>"

    @property
    def text(self) -> str:
        """The text of all turns, without tags and labels."""
        return join_texts(turn.text for turn in self.turns)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers' labels, in the order of their first words."""
        labels = (turn.speaker for turn in self.turns if turn.speaker is not None)
        return tuple(dict.fromkeys(labels))

    def to_dict(self) -> dict:
        """Return everything as dicts, lists, strings, numbers and None, ready for JSON."""
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
            "replacements": [list(pair) for pair in self.replacements],
        }

    @classmethod
    def from_dict(cls, record: dict) -> Transcript:
        """Make a transcript of what `to_dict` returns. Raises KeyError, TypeError or ValueError for other dicts."""
        return cls(
            audio=record["audio"],
            turns=tuple(_turn_from_dict(turn) for turn in record["turns"]),
            direction=record["direction"],
            language=record["language"],
            checkpoint=record["checkpoint"],
            duration_seconds=record["duration_seconds"],
            raw_text=record["raw_text"],
            warnings=tuple(TranscriptWarning(**warning) for warning in record["warnings"]),
            replacements=tuple(map(tuple, record.get("replacements", ()))),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file in the format of its suffix: .txt, .srt, .vtt, .tsv, .json or .rttm.

        The file is complete or is not written; an existing one is replaced. Raises ValueError for another suffix,
        OutputError if the file can't be written, SpeechError if the format needs times and a turn has none.
        """
        from kikitori.output.writers import save

        save(self, Path(path))

    def to_txt(self) -> str:
        """Return plain text, one line per turn."""
        return self._written_as("txt")

    def to_srt(self, max_line_width: int | None = None, max_line_count: int | None = None) -> str:
        """Return SubRip subtitles. Raises SpeechError if a turn has no times.

        max_line_width: characters per line, at least 1; None for the usual number in the language.
        max_line_count: lines per subtitle, at least 1; None for 2.
        """
        return self._written_as("srt", max_line_width, max_line_count)

    def to_vtt(self, max_line_width: int | None = None, max_line_count: int | None = None) -> str:
        """Return WebVTT subtitles. Arguments and errors are those of `to_srt`."""
        return self._written_as("vtt", max_line_width, max_line_count)

    def to_tsv(self) -> str:
        """Return a table with one row per turn: start and end in ms, text, speaker, and share of unsure words.

        Raises SpeechError if a turn has no times.
        """
        return self._written_as("tsv")

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON."""
        return self._written_as("json")

    def to_rttm(self) -> str:
        """Return who speaks when, in NIST's RTTM. Raises SpeechError if a turn has no times."""
        return self._written_as("rttm")

    def _written_as(self, suffix: str, *layout: int | None) -> str:
        from kikitori.output.writers import WRITERS, Layout

        return WRITERS[suffix](self, Layout(*layout))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _turn_to_dict(turn: Turn) -> dict:
    low_confidence = [list(span) for span in turn.low_confidence]
    words = [asdict(word) for word in turn.words]
    # `doubts` is the old name of the key, kept for one release.
    return asdict(turn) | {"words": words, "low_confidence": low_confidence, "doubts": low_confidence}


def _turn_from_dict(record: dict) -> Turn:
    record = dict(record)
    words = tuple(Word(**word) for word in record.get("words", ()))
    low_confidence = tuple(map(tuple, record.get("low_confidence", record.get("doubts", ()))))
    fields = {key: value for key, value in record.items() if key != "doubts"}
    return Turn(**fields | {"words": words, "low_confidence": low_confidence})


def count_languages(turns: Iterable[Turn]) -> Counter[str]:
    """Return how many characters are in each language that was detected."""
    characters: Counter[str] = Counter()
    for turn in turns:
        if turn.language:
            characters[turn.language] += len(turn.text)
    return characters


def merge_neighbours(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """Join neighbouring turns of one speaker into one turn, with the start of the first and the end of the last."""
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].speaker == turn.speaker:
            merged[-1] = _merge(merged[-1], turn)
        else:
            merged.append(turn)
    return tuple(merged)


def _merge(first: Turn, second: Turn) -> Turn:
    text = join_texts((first.text, second.text))
    offset = len(text) - len(second.text)  # of the second text in the joined one
    moved = tuple((start + offset, end + offset) for start, end in second.low_confidence)
    merged = Turn(
        first.speaker,
        text,
        low_confidence=first.low_confidence + moved,
        source=join_texts((first.source, second.source)),
        language=first.language,
    )
    if first.start_seconds is None or second.start_seconds is None:
        return merged
    words: tuple[Word, ...] = ()
    if first.words and second.words:
        space = text[len(first.text) : offset]
        words = (*first.words, replace(second.words[0], text=space + second.words[0].text), *second.words[1:])
    return replace(
        merged,
        start_seconds=first.start_seconds,
        end_seconds=max(first.end_seconds, second.end_seconds),
        timing=max(first.timing, second.timing, key=TIMINGS.index),
        words=words,
    )
