"""What was said: turns, transcripts, and the parser for what a checkpoint writes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

# Where a turn's times come from: a forced aligner, or only the model input that held the turn.
TIMINGS = ("aligned", "window")

# The labels that the diarization checkpoint has tokens for (its model card, "Limitations").
SPEAKERS = tuple(f"spk_{number}" for number in range(8))

# Everything in the added vocabulary of Qwen3-ASR that is no text (tokenizer_config.json).
CONTROL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>"),
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    *("<think>", "</think>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>"),
    *("<tts_text_bos_single>", "<non_speech>", "<asr_text>", "<timestamp>"),
    *(f"<blank{number}>" for number in range(1, 28)),
)

_TAG = re.compile(r"<\|(spk_[0-9]+)\|>")
TOKEN = re.compile(r"(<\|spk_[0-9]+\|>|" + "|".join(map(re.escape, CONTROL_TOKENS)) + ")")

# Kana, kanji, and their punctuation: scripts that put no space between words.
_UNSPACED = re.compile(
    "[\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)


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
    doubts: stretches of the text that the model was unsure of, as (start, end) of characters, in order.
    source: what was said, where the text is its translation and that was asked for; else empty.
    """

    speaker: str | None
    text: str
    start_seconds: float | None = None
    end_seconds: float | None = None
    timing: str | None = None
    words: tuple[Word, ...] = ()
    doubts: tuple[tuple[int, int], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError for a turn that is not as described above."""
        if self.speaker == "":
            raise ValueError("a turn's speaker is a label or None, not an empty string")
        if not self.text or self.text != self.text.strip():
            raise ValueError(f"a turn's text is stripped and not empty, not {self.text!r}")
        if self.words and (self.timing != "aligned" or "".join(word.text for word in self.words) != self.text):
            raise ValueError("only an aligned turn has words, and they join to its text")
        places = [0, *(place for doubt in self.doubts for place in doubt), len(self.text)]
        if any(len(doubt) != 2 or doubt[0] == doubt[1] for doubt in self.doubts) or places != sorted(places):
            raise ValueError(f"a turn's doubts are stretches of its text, in order, not {self.doubts}")
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
    lists = {"words": [asdict(word) for word in turn.words], "doubts": [list(doubt) for doubt in turn.doubts]}
    return asdict(turn) | lists


def _turn_from_dict(record: dict) -> Turn:
    words = tuple(Word(**word) for word in record.get("words", ()))
    return Turn(**record | {"words": words, "doubts": tuple(map(tuple, record.get("doubts", ())))})


def join_texts(texts: Iterable[str]) -> str:
    """Join pieces of text: a space at a seam, none where Japanese stands on either side of it."""
    joined = ""
    for text in filter(None, map(str.strip, texts)):
        seam = joined[-1:] + text[0]
        joined += text if not joined or _UNSPACED.search(seam) else " " + text
    return joined


def parse_turns(raw_text: str) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
    """Read what a diarization checkpoint writes: `<|spk_0|> words <|spk_1|> words …`.

    Format: the checkpoint's model card, "Output format". Never raises for a str, and loses nothing
    but tags, control tokens and the white space around them.

    Returns:
        The turns, neighbours of one speaker merged, and at most one warning of each kind:
        untagged (words before the first tag; their speaker is None), empty_turn (a tag without
        words; left out), unknown_speaker (a label beyond SPEAKERS; kept), control_token (removed).
    """
    first, *others = TOKEN.split(raw_text)
    tokens = others[::2]
    runs: list[tuple[str | None, list[str]]] = [(None, [first])]
    for token, text in zip(tokens, others[1::2], strict=True):
        tag = _TAG.fullmatch(token)
        if tag and tag[1] != runs[-1][0]:
            runs.append((tag[1], []))
        runs[-1][1].append(text)
    spoken = [(speaker, join_texts(texts)) for speaker, texts in runs]
    turns = merge_neighbours(Turn(speaker, text) for speaker, text in spoken if text)
    return turns, _turn_warnings(spoken, [token for token in tokens if not _TAG.match(token)])


def parse_plain(raw_text: str) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
    """Read what a checkpoint without speakers writes: one turn, or none where it wrote no words.

    Control tokens and speaker tags are removed, with one warning of the kind control_token.
    """
    pieces = TOKEN.split(raw_text)
    text = join_texts(pieces[::2])
    turns = (Turn(None, text),) if text else ()
    return turns, _control_token_warnings(pieces[1::2])


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
        "doubts": (*one.doubts, *((start + moved, end + moved) for start, end in two.doubts)),
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


def _turn_warnings(spoken: list[tuple[str | None, str]], control_tokens: list[str]) -> tuple[TranscriptWarning, ...]:
    (_, untagged), *tagged = spoken
    warnings = []
    if untagged:
        message = "the model wrote words before any speaker tag: they are kept without a speaker"
        warnings.append(TranscriptWarning("untagged", message))
    if empty := _names(speaker for speaker, text in tagged if not text):
        message = f"the model wrote no words after the tag of {empty}: the turn is left out"
        warnings.append(TranscriptWarning("empty_turn", message))
    if unknown := _names(speaker for speaker, _ in tagged if speaker not in SPEAKERS):
        message = (
            f"the model wrote the label {unknown}, beyond {SPEAKERS[0]} to {SPEAKERS[-1]} that it "
            "was given: it is kept as written"
        )
        warnings.append(TranscriptWarning("unknown_speaker", message))
    return (*warnings, *_control_token_warnings(control_tokens))


def _control_token_warnings(tokens: list[str]) -> tuple[TranscriptWarning, ...]:
    if not tokens:
        return ()
    message = f"the model wrote {_names(tokens)} among the words: removed from the text"
    return (TranscriptWarning("control_token", message),)


def _names(items: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(items))
