"""The live sound that is not transcribed yet, and where in it somebody speaks."""

from __future__ import annotations

import numpy as np

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.audio.pieces import QUIET_SECONDS, surround
from kikitori.audio.silero import STEP_SAMPLES, LiveDetector
from kikitori.audio.vad import WARM_UP_STEPS, Span, speech_spans
from kikitori.audio.windows import Window
from kikitori.live.cutting import find_cut

QUIET_STEPS = round(QUIET_SECONDS * SAMPLE_RATE / STEP_SAMPLES)


class LiveSound:
    """Takes sound and gives stretches.

    All sound is counted in the detector's steps of 32 ms. What does not fill a step waits for the next sound.
    start: the first sample of the open stretch in all sound so far.
    """

    def __init__(self):
        self.start = 0
        self._waveform = np.zeros(0, np.float32)
        self._probabilities = np.zeros(0, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._detect = LiveDetector()
        self._detect(np.zeros(WARM_UP_STEPS * STEP_SAMPLES, np.float32))  # as before a recording
        self._last_voice = 0

    @property
    def waveform(self) -> np.ndarray:
        """The open stretch, float32 mono 16 kHz, (samples,)."""
        return self._waveform

    @property
    def seconds(self) -> float:
        """Length of all sound so far."""
        return (self.start + len(self._waveform) + len(self._rest)) / SAMPLE_RATE

    @property
    def spans(self) -> list[Span]:
        """The speech in the open stretch."""
        return speech_spans(self._probabilities, len(self._waveform))

    def add(self, samples: np.ndarray) -> None:
        """Add sound, float32 mono 16 kHz, (samples,). What comes before somebody speaks is dropped but for 0.5 s."""
        held = np.concatenate([self._rest, samples])
        whole = len(held) - len(held) % STEP_SAMPLES
        steps, self._rest = held[:whole], held[whole:]
        if whole:
            self._probabilities = np.concatenate([self._probabilities, self._detect(steps)])
            self._waveform = np.concatenate([self._waveform, steps])
        self._drop_silence()

    def end(self) -> None:
        """Complete the last step with silence: no sound follows."""
        if len(self._rest):
            self.add(np.zeros(STEP_SAMPLES - len(self._rest), np.float32))

    def find_cut(self, covered: int) -> int | None:
        """Return how many samples of the open stretch are complete, as `find_cut`."""
        return find_cut(self.spans, self._waveform, covered)

    def take(self, samples: int) -> Window | None:
        """Take so many samples, rounded down to steps, as one model input; None if nobody speaks in them."""
        steps = samples // STEP_SAMPLES
        samples = steps * STEP_SAMPLES
        taken, self._waveform = self._waveform[:samples], self._waveform[samples:]
        spans = speech_spans(self._probabilities[:steps], samples)
        self._probabilities = self._probabilities[steps:]
        pieces = tuple(surround(taken, spans, self.start, self._last_voice))
        self.start += samples
        if pieces:
            self._last_voice = pieces[-1].start + pieces[-1].speech.end
        return Window(pieces) if pieces else None

    def _drop_silence(self) -> None:
        spans = self.spans
        voice = spans[0].start // STEP_SAMPLES if spans else len(self._probabilities)
        quiet = max(0, voice - QUIET_STEPS)
        self._probabilities = self._probabilities[quiet:]
        self._waveform = self._waveform[quiet * STEP_SAMPLES :]
        self.start += quiet * STEP_SAMPLES
