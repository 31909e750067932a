"""A clip that is decoded again and again while it grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kikitori.model.encoder import KeptChunks
from kikitori.model.generate import decode_on
from kikitori.result import DecodingResult

if TYPE_CHECKING:
    from kikitori.model.recognizer import Recognizer


class GrowingClip:
    """Decodes a clip whose sound grows at its end. The encoder's finished seconds are kept from pass to pass.

    The decoder's KV cache can't be kept: the encoder's attention reaches over the whole clip, so new sound changes the
    embeddings of all seconds, and with them every key and value. language, context: as `decode` takes them.
    """

    def __init__(self, recognizer: Recognizer, language: str | None, context: str = ""):
        self._recognizer = recognizer
        self._language, self._context = language, context
        self._kept = KeptChunks()

    @property
    def convolved_seconds(self) -> int:
        """How many seconds went through the encoder's convolutions so far."""
        return self._kept.computed

    def decode(self, waveform: np.ndarray, ids: Sequence[int], log_probabilities: Sequence[float]) -> DecodingResult:
        """Decode the clip so far, float32 mono 16 kHz, (samples,); return the whole text.

        ids, log_probabilities: the tokens with which the text begins.
        """
        given = (ids, log_probabilities)
        return decode_on(self._recognizer, waveform, self._language, given, self._kept, context=self._context)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, with tags; without a last character that is not complete."""
        return self._recognizer.text(list(ids)).rstrip("\ufffd")
