"""Which of several audio tracks is transcribed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from kikitori.audio.checks import SILENCE_DBFS
from kikitori.audio.frames import samples
from kikitori.strings import displayed
from kikitori.transcript import TranscriptWarning

if TYPE_CHECKING:
    import av

PROBE_SECONDS = 60.0
"""A track counts as silent if it has no sound until then while another one has."""

MAX_TITLE = 40
"""Characters of a track's title in a warning."""


def first_with_sound(container: av.container.InputContainer, max_seconds: float | None) -> int:
    """Return the number, from 1 on, of the first audio track with sound; 1 if none has.

    Decodes all tracks side by side until the first one is heard, or until PROBE_SECONDS if another one is. While none
    is heard it goes on, up to max_seconds, so a silence that all tracks share is decoded twice.
    """
    heard: set[int] = set()
    numbers = {stream.index: number for number, stream in enumerate(container.streams.audio, start=1)}
    limit = np.inf if max_seconds is None else max_seconds
    for frame, index, seconds in _frames(container):
        if numbers[index] not in heard and np.abs(samples(frame)).max(initial=0.0) > 10 ** (SILENCE_DBFS / 20):
            heard.add(numbers[index])
        if 1 in heard or (heard and seconds > PROBE_SECONDS) or seconds > limit:
            break
    return min(heard, default=1)


def _frames(container: av.container.InputContainer) -> Iterator[tuple[av.AudioFrame, int, float]]:
    """Yield the frames of all audio tracks, each with its stream's index and how much of that stream was decoded."""
    import av

    streams = [stream for stream in container.streams.audio if stream.codec_context]
    if not streams:
        # PyAV would then take packets of all streams, and PyAV 17 ends the process at one without a decoder.
        return
    seconds = {stream.index: 0.0 for stream in streams}
    try:
        for packet in container.demux(streams):
            for frame in packet.decode():
                yield frame, packet.stream.index, seconds[packet.stream.index]
                seconds[packet.stream.index] += frame.samples / frame.sample_rate
    except (av.error.FFmpegError, OSError):
        return  # reported when the chosen track is read


def other_tracks(container: av.container.InputContainer, chosen: int) -> TranscriptWarning:
    """Return the warning that names the tracks that are not transcribed."""
    streams = container.streams.audio
    others = ", ".join(_label(number, stream) for number, stream in enumerate(streams, start=1) if number != chosen)
    message = f"audio track {chosen} of {len(streams)} is used, the first with sound; these are not: {others}"
    return TranscriptWarning("other_tracks", message)


def _label(number: int, stream: av.AudioStream) -> str:
    details = (stream.metadata.get("language"), stream.metadata.get("title"))
    named = ", ".join(displayed(detail[:MAX_TITLE]) for detail in details if detail and detail != "und")
    return f"{number} ({named})" if named else str(number)
