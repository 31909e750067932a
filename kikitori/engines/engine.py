"""The one interface to a model. Everything above it is the same wherever the model runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kikitori.result import Alignment, DecodingResult
from kikitori.transcript import Turn


@dataclass(frozen=True)
class Prompt:
    """What the model is told before it listens.

    language: English name of the language to write; None lets the model choose, and write its name first.
    context: names and terms that may be said, or any text about the recording. It is the system turn, as in qwen-asr.
    """

    language: str | None
    context: str = ""


class Engine(Protocol):
    """A model that decodes windows and aligns turns.

    A wrapper, such as a journal, is an Engine around an Engine. `name` says who answers.
    """

    name: str

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode clips; yield the growing results of all of them, and the complete ones last.

        waveforms: float32 mono 16 kHz, (samples,) each. max_tokens: the most tokens per text, at least 1; None for
        what the clip's length allows. Closing the iterator stops the model.
        """
        ...

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure when the turns of one window were said.

        waveform: float32 mono 16 kHz, (samples,). turns: in order, in the language of the audio, without tags.
        language: its English name. Returned times count from the window's start.
        """
        ...
