"""One recording -> one transcript: cut into windows, decode each, look at what came, join.

Every step hands on a Transcript of what was heard so far; the last one is the whole. Nothing of the model is known
here but a function that decodes waveforms, so that the page can run that one on a GPU that it borrows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kikitori.audio.channels import split_or_mix
from kikitori.audio.files import SAMPLE_RATE
from kikitori.audio.windows import Window, bridge, cut_channels, cut_windows, halves
from kikitori.errors import RefusedError
from kikitori.result import Alignment, DecodingResult, last
from kikitori.strings import format_duration, format_time
from kikitori.tasks import Plan
from kikitori.text.confidence import mark_low_confidence
from kikitori.text.faults import FAULTS, find_faults
from kikitori.text.speaker_linking import MIN_CONFIDENCE, Link, Linker, chain
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import Transcript, TranscriptWarning, Turn, merge_neighbours

MIN_RETRY_SECONDS = 4.0
"""A window shorter than this is not tried again in halves."""
MAX_RETRIES = 2
"""How often a window is halved."""

WINDOWS_AT_ONCE = 16
"""Windows handed to the model together, at most; how many of them it takes at a time, its memory decides."""

Decode = Callable[[list[np.ndarray]], Iterable[list[DecodingResult]]]
"""The texts of waveforms, again and again while they grow; the last time they are complete."""
Align = Callable[[np.ndarray, tuple[Turn, ...]], Alignment]
Listen = Callable[[list[np.ndarray]], list[str]]
"""What was said in clips, in its own language and without speakers."""


@dataclass(frozen=True)
class Reading:
    """What the model made of one window."""

    window: Window
    raw_text: str
    turns: tuple[Turn, ...]
    warnings: tuple[TranscriptWarning, ...]
    mended: int
    """How many of the aligner's times had to be mended."""


def transcribe_blocks(
    blocks: Iterable[np.ndarray],
    blank: Transcript,
    plan: Plan,
    decode: Decode,
    align: Align | None = None,
    stereo: bool | None = None,
    listen: Listen | None = None,
) -> Iterator[Transcript]:
    """Transcripts that grow, window by window; the last one is complete, the others carry a `partial` warning.

    While windows are written, the same transcript comes again with their `draft`.

    blocks: float32 16 kHz, (samples, channels). blank: a transcript without turns that names the recording, the
    direction and so on. stereo: one speaker a channel; None to find out (where the direction has speakers).
    listen: gives translated turns what was said.
    Raises what `blocks` and `decode` raise.
    """
    heard = _CountedBlocks(blocks)
    stereo, sound = split_or_mix(heard, stereo if plan.has_speakers else False)
    if stereo:
        windows = cut_channels(sound, plan.window_seconds)
    else:
        windows = cut_windows((block[:, 0] for block in sound), plan.window_seconds, plan.overlap_seconds)
    joiner: _Joiner = _ChannelJoiner() if stereo else _LinkJoiner(decode) if plan.has_speakers else _Joiner()
    raw_texts: list[str] = []
    mended = 0
    settled: tuple[Turn, ...] = ()
    transcript = blank
    for group in in_groups(windows):
        for texts in decode([window.waveform for window in group]):
            yield replace(_marked_partial(transcript), draft=_as_draft(texts))
        readings = read_windows(group, texts, plan.has_speakers, decode, align)
        for reading in with_sources(list(readings), listen) if listen else readings:
            turns, warnings = joiner.add(reading)
            settled += turns
            raw_texts.append(reading.raw_text)
            mended += reading.mended
            transcript = replace(
                transcript,
                turns=settled + joiner.open_turns,
                open_turns=len(joiner.open_turns),
                warnings=transcript.warnings + reading.warnings + warnings,
                raw_text="\n".join(raw_texts),
                duration_seconds=max(transcript.duration_seconds, round(reading.window.end_seconds, 3)),
            )
            yield _marked_partial(transcript)
    if heard.error:
        raise heard.error
    warnings = transcript.warnings
    if not transcript.turns:
        warnings += (TranscriptWarning("no_speech", "there is no speech in this recording, or the model found none"),)
    if mended:
        message = f"{mended} of the aligner's times were zero-length, backward or outside: they are mended"
        warnings += (TranscriptWarning("mended_times", message),)
    seconds = round(heard.samples / SAMPLE_RATE, 3)
    yield replace(transcript, open_turns=0, warnings=warnings, duration_seconds=seconds)


def in_groups(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """One window, two, four… at a time, up to WINDOWS_AT_ONCE: the first text comes soon, the rest comes fast."""
    group: list[Window] = []
    size = 1
    for window in windows:
        group.append(window)
        if len(group) == size:
            yield group
            group, size = [], min(2 * size, WINDOWS_AT_ONCE)
    if group:
        yield group


def read_windows(
    windows: list[Window],
    texts: list[DecodingResult],
    has_speakers: bool,
    decode: Decode,
    align: Align | None,
    retries: int = MAX_RETRIES,
) -> Iterator[Reading]:
    """Windows with their texts; where one has a fault, its window's halves, and so on. What stays has a warning."""
    for window, decoded in zip(windows, texts, strict=True):
        faults = find_faults(decoded, window.speech_seconds)
        may_retry = faults and retries and window.samples >= MIN_RETRY_SECONDS * SAMPLE_RATE
        if may_retry and (parts := halves(window, overlap=has_speakers)):
            heard = last(decode([part.waveform for part in parts]))
            yield from read_windows(list(parts), heard, has_speakers, decode, align, retries - 1)
        else:
            yield _read(window, decoded, faults, has_speakers, align)


def _read(
    window: Window, decoded: DecodingResult, faults: tuple[str, ...], has_speakers: bool, align: Align | None
) -> Reading:
    turns, warnings = (parse_turns if has_speakers else parse_plain)(decoded.text)
    turns = mark_low_confidence(turns, decoded.text, decoded.low_confidence)
    span = f"{format_time(window.start_seconds)} to {format_time(window.end_seconds)}"
    messages = {warning.kind: warning.message for warning in warnings}
    messages |= {fault: FAULTS[fault] for fault in faults}
    mended = 0
    if align and turns:
        alignment = align(window.waveform, turns)
        mended = alignment.mended
        turns = tuple(_in_recording(turn, window) for turn in alignment.turns)
    else:
        times = (round(window.start_seconds, 3), round(window.end_seconds, 3))
        turns = tuple(replace(turn, start_seconds=times[0], end_seconds=times[1], timing="window") for turn in turns)
    return Reading(
        window,
        decoded.text,
        turns,
        tuple(
            TranscriptWarning(kind, f"{span}: {message}", round(window.start_seconds, 3), round(window.end_seconds, 3))
            for kind, message in messages.items()
        ),
        mended,
    )


def with_sources(readings: list[Reading], listen: Listen) -> list[Reading]:
    """What was said in each window, beside its translation."""
    texts = listen([reading.window.waveform for reading in readings])
    return [
        replace(reading, turns=tuple(replace(turn, source=text) for turn in reading.turns[:1]) + reading.turns[1:])
        for reading, text in zip(readings, texts, strict=True)
    ]


def _in_recording(turn: Turn, window: Window) -> Turn:
    """An aligned turn whose times count from the start of the recording instead of the window's."""
    words = tuple(
        replace(
            word,
            start_seconds=round(window.to_recording(word.start_seconds), 3),
            end_seconds=round(window.to_recording(word.end_seconds, is_end=True), 3),
        )
        for word in turn.words
    )
    return replace(
        turn,
        start_seconds=round(window.to_recording(turn.start_seconds), 3),
        end_seconds=round(window.to_recording(turn.end_seconds, is_end=True), 3),
        words=words,
    )


def _as_draft(texts: list[DecodingResult]) -> tuple[str, ...]:
    """What is written so far in windows, without tags: one string a turn."""
    whole = (decoded.text.rstrip("\ufffd") for decoded in texts)  # of a character, at times, only half is written
    return tuple(turn.text for text in whole for turn in parse_turns(text)[0])


def _marked_partial(transcript: Transcript) -> Transcript:
    message = f"only the first {format_duration(transcript.duration_seconds)} are in this transcript"
    return replace(transcript, warnings=(*transcript.warnings, TranscriptWarning("partial", message)))


class _CountedBlocks:
    """Blocks on their way, counted. Where reading fails they end, and `error` says why.

    What came before is then read as if the recording ended there, so that nothing of it is lost.
    """

    def __init__(self, blocks: Iterable[np.ndarray]):
        self._blocks = blocks
        self.samples = 0
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            for block in self._blocks:
                self.samples += len(block)
                yield block
        except RefusedError:
            raise
        except Exception as error:
            self.error = error


class _Joiner:
    """Turns as they come; a window's turns are settled at once."""

    open_turns: tuple[Turn, ...] = ()
    """The last ones, which the next window may still change."""

    def add(self, reading: Reading) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
        """The turns that are settled now, and what there is to say about how they were joined."""
        return reading.turns, ()


class _ChannelJoiner(_Joiner):
    """Turns of a recording with one speaker a channel: the channel is the speaker, whatever the model wrote."""

    def __init__(self):
        self._labels: dict[int, str] = {}

    def add(self, reading: Reading) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
        channel = reading.window.channel
        if reading.turns:
            self._labels.setdefault(channel, f"spk_{len(self._labels)}")
        label = self._labels.get(channel)
        turns = tuple(replace(turn, speaker=label) for turn in reading.turns)
        return merge_neighbours(turns), ()


class _LinkJoiner(_Joiner):
    """Turns of a recording whose windows overlap: labels are linked from window to window."""

    def __init__(self, decode: Decode):
        self._linker = Linker()
        self._decode = decode
        self._before: Window | None = None

    def add(self, reading: Reading) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
        window = reading.window
        turns, link = self._linker.add(
            reading.turns, window.overlap_seconds(self._before), partial(self._mend, reading)
        )
        self._before = window
        if link is None or link.confidence >= MIN_CONFIDENCE:
            return turns, ()
        time = format_time(window.start_seconds)
        message = (
            f"from {time} on the speakers' labels may be swapped, and words near it missing or doubled: "
            f"the texts before and after agree by {link.confidence:.0%}"
        )
        seconds = round(window.start_seconds, 3)
        return turns, (TranscriptWarning("weak_link", message, seconds, seconds),)

    def _mend(self, reading: Reading, link: Link) -> Link:
        """The link, or a better one where it is weak."""
        if link.confidence >= MIN_CONFIDENCE:
            return link
        return max(link, self._bridge(reading) or link, key=lambda one: one.confidence)

    def _bridge(self, reading: Reading) -> Link | None:
        """The link by way of a third window over the seam, which has more in common with both."""
        third = bridge(self._before, reading.window)
        (decoded,) = last(self._decode([third.waveform]))
        heard = parse_turns(decoded.text)[0]
        first = self._linker.link(heard, third.overlap_seconds(self._before))
        second = Linker(heard).link(reading.turns, reading.window.overlap_seconds(third))
        return chain(first, second) if first and second else None

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        return self._linker.open_turns
