"""Sound that is played to a live session at the speed of a clock, and when each word of it was shown."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import accumulate
from queue import Empty, SimpleQueue
from threading import Thread

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.live.events import Closed, Event
from kikitori.live.session import LiveSession
from kikitori.strings import join_texts
from kikitori.transcribe import Model, transcribe

BLOCK = SAMPLE_RATE // 10


@dataclass
class Shown:
    """What a session has shown, and when. All times are in seconds of the sound.

    texts: after each event, its time, the firm text and the whole text of all stretches. changed: how often firm text
    was not what it had been.
    """

    texts: list[tuple[float, str, str]] = field(default_factory=list)
    changed: int = 0
    _before: str = ""

    def add(self, event: Event, seconds: float) -> None:
        """Take an event."""
        if isinstance(event, Closed):
            firm = whole = join_texts([self._before, event.text])
            self._before = firm
        else:
            firm = join_texts([self._before, event.firm])
            whole = join_texts([self._before, event.firm + event.tentative])
        if self.texts and not firm.startswith(self.texts[-1][1]):
            self.changed += 1
        self.texts.append((seconds, firm, whole))

    @property
    def text(self) -> str:
        """The text at the end."""
        return self.texts[-1][1] if self.texts else ""

    def delays(self, words: list[tuple[str, float]]) -> Iterator[tuple[float, float]]:
        """Yield for each word how long after its end it was shown first as it stayed, and how long until it was firm.

        words: with the seconds at which they end. Words that the text lacks are left out.
        """
        ends = list(accumulate(len(word) for word, _ in words))
        places = _places("".join(word for word, _ in words), self.text)
        for (word, end), place in zip(words, ends, strict=True):
            last = places.get(place - len(word) + len(word.rstrip(" .,。、?!？！")) - 1)
            if last is None:
                continue
            kept = self.text[: last + 1]
            shown = next(seconds for seconds, _, whole in self.texts if whole.startswith(kept))
            firm = next(seconds for seconds, firm, _ in self.texts if firm.startswith(kept))
            yield shown - end, firm - end


def _places(expected: str, text: str) -> dict[int, int]:
    """For each character of the expected text that the text has too, its place there."""
    blocks = SequenceMatcher(None, expected, text, autojunk=False).get_matching_blocks()
    return {block.a + number: block.b + number for block in blocks for number in range(block.size)}


def timed_words(model: Model, waveform: np.ndarray, start: float) -> list[tuple[str, float]]:
    """The words of a recording as the model writes it offline, with when they end, by the forced aligner."""
    turns = transcribe(model, waveform, align=True).turns
    return [(word.text, start + word.end_seconds) for turn in turns for word in turn.words]


def play(session: LiveSession, waveform: np.ndarray, speed: float) -> tuple[Shown, float]:
    """Play a recording; return what was shown, and by how many seconds the end came after the end of the sound."""
    blocks: SimpleQueue[np.ndarray | None] = SimpleQueue()
    begun = time.monotonic()

    def now() -> float:
        return (time.monotonic() - begun) * speed

    def speak() -> None:
        for end in range(BLOCK, len(waveform) + BLOCK, BLOCK):
            time.sleep(max(0, end / SAMPLE_RATE - now()) / speed)
            blocks.put(waveform[end - BLOCK : end])
        blocks.put(None)

    Thread(target=speak, daemon=True).start()
    shown = Shown()
    for samples in _waiting(blocks):
        for event in session.add(samples):
            shown.add(event, now())
    for event in session.flush():
        shown.add(event, now())
    return shown, now() - len(waveform) / SAMPLE_RATE


def _waiting(blocks: SimpleQueue[np.ndarray | None]) -> Iterator[np.ndarray]:
    """Yield all sound that has come since the last time."""
    while True:
        parts = [blocks.get()]
        try:
            while parts[-1] is not None:
                parts.append(blocks.get_nowait())
        except Empty:
            pass
        yield np.concatenate([np.zeros(0, np.float32), *(part for part in parts if part is not None)])
        if parts[-1] is None:
            return
