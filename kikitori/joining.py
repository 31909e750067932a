"""Join the turns of windows into the turns of a recording: as they come, by channel, or by linked labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from kikitori.audio.recutting import bridge
from kikitori.audio.windows import Window
from kikitori.job import Job, ParsedWindow
from kikitori.strings import format_time
from kikitori.text.speaker_linking import MIN_CONFIDENCE, Link, Overlap, SpeakerLinker, chain
from kikitori.text.tags import parse_turns
from kikitori.transcript import TranscriptWarning, Turn, merge_neighbours
from kikitori.update import Update


class Joiner(Protocol):
    """Joins the turns of windows."""

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """The last turns, which the next window may still change."""
        ...

    def add(self, parsed: ParsedWindow) -> Update:
        """Take a window's turns and return what is new."""
        ...


def choose_joiner(job: Job, is_stereo: bool) -> Joiner:
    """Return the joiner for a job. is_stereo: whether each channel holds one speaker."""
    if is_stereo:
        return ChannelJoiner()
    return LinkJoiner(job) if job.plan.has_speakers else PlainJoiner()


def _update(
    parsed: ParsedWindow,
    turns: tuple[Turn, ...],
    open_turns: tuple[Turn, ...] = (),
    warnings: tuple[TranscriptWarning, ...] = (),
) -> Update:
    end = round(parsed.window.end_seconds, 3)
    return Update(turns, open_turns, parsed.warnings + warnings, (parsed.raw_text,), end, parsed.tokens)


class PlainJoiner:
    """Without speakers, turns stay as they come."""

    open_turns: tuple[Turn, ...] = ()

    def add(self, parsed: ParsedWindow) -> Update:
        """Join a window's turns, as `Joiner.add`."""
        return _update(parsed, parsed.turns)


class ChannelJoiner:
    """With one speaker per channel, the channel is the speaker, whatever the model wrote."""

    open_turns: tuple[Turn, ...] = ()

    def __init__(self):
        self._labels: dict[int | None, str] = {}

    def add(self, parsed: ParsedWindow) -> Update:
        """Join a window's turns, as `Joiner.add`."""
        channel = parsed.window.channel
        if parsed.turns:
            self._labels.setdefault(channel, f"spk_{len(self._labels)}")
        label = self._labels.get(channel)
        return _update(parsed, merge_neighbours(replace(turn, speaker=label) for turn in parsed.turns))


class LinkJoiner:
    """With overlapping windows, labels are linked from window to window."""

    def __init__(self, job: Job):
        self._job = job
        self._linker = SpeakerLinker()
        self._before: Window | None = None
        self._turns_before: tuple[Turn, ...] = ()

    @property
    def open_turns(self) -> tuple[Turn, ...]:
        """The last turns, as `Joiner.open_turns`."""
        return self._linker.open_turns

    def add(self, parsed: ParsedWindow) -> Update:
        """Join a window's turns, as `Joiner.add`."""
        if self._turns_before and parsed.window.end_seconds <= self._before.end_seconds:
            # The first half of a window that was cut again. The window before has all its words, with more around them.
            return _update(replace(parsed, warnings=()), (), self._linker.open_turns)
        overlap = _overlap(self._linker, self._before, self._turns_before, parsed.window, parsed.turns)
        link = self._linker.link(overlap)
        if link and link.certainty < MIN_CONFIDENCE:
            link = max(link, self._bridge(parsed) or link, key=lambda one: one.certainty)
        settled = self._linker.add(overlap, link)
        self._before, self._turns_before = parsed.window, parsed.turns
        return _update(parsed, settled, self._linker.open_turns, _link_warnings(link, parsed.window))

    def _bridge(self, parsed: ParsedWindow) -> Link | None:
        """Link through a third window where the two meet: it has more in common with each, or holds both."""
        third = bridge(self._before, parsed.window, self._job.plan.window_seconds)
        (result,) = self._job.decode([third.waveform])
        turns, _ = parse_turns(result.text)
        first = self._linker.link(_overlap(self._linker, self._before, self._turns_before, third, turns))
        onward = SpeakerLinker(turns)
        second = onward.link(_overlap(onward, third, turns, parsed.window, parsed.turns))
        return chain(first, second) if first and second else None


def _overlap(
    linker: SpeakerLinker,
    before: Window | None,
    turns_before: tuple[Turn, ...],
    window: Window,
    turns: tuple[Turn, ...],
) -> Overlap:
    """Align a window's turns with the open turns, which end with those of the window before it.

    Each window is expected to have the same share of its characters in the overlap as of its speech.
    """
    if before is None:
        return linker.overlap(turns, 0.0)
    lengths = [sum(len(turn.text) for turn in one) for one in (turns_before, turns)]
    shares = window.overlap_shares(before)
    expected = lengths[0] * shares[0], lengths[1] * shares[1]
    return linker.overlap(turns, window.overlap_seconds(before), expected)


def _link_warnings(link: Link | None, window: Window) -> tuple[TranscriptWarning, ...]:
    """A warning if the link is weak."""
    if link is None or link.confidence >= MIN_CONFIDENCE:
        return ()
    message = (
        f"from {format_time(window.start_seconds)} on the speakers' labels may be swapped, and words near it missing "
        f"or doubled: the texts before and after agree by {link.confidence:.0%}"
    )
    seconds = round(window.start_seconds, 3)
    return (TranscriptWarning("weak_link", message, seconds, seconds),)
