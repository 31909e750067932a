"""Transcripts of a call, with what the writers have to handle."""

from __future__ import annotations

from dataclasses import replace

from kikitori.transcript import Transcript, TranscriptWarning, Turn
from kikitori.update import partial_warning


def transcript(*turns: Turn) -> Transcript:
    return Transcript(
        audio="call.wav",
        turns=turns,
        direction="diarize",
        language="Japanese",
        checkpoint="someone/checkpoint@1234567",
        duration_seconds=12.5,
        raw_text="<|spk_0|> はい。",
        warnings=(TranscriptWarning("empty_turn", "a sentence"),),
    )


TIMED = transcript(
    Turn("spk_0", "はい、お電話ありがとうございます。山田歯科の受付でございます。", 0.5, 6.25, "aligned"),
    Turn(None, "え", 6.5, 6.5, "aligned"),
    Turn("spk_1", "A & B <i>\tdepois?", 3661.0004, 3662.9996, "aligned"),
)
SPREAD = transcript(Turn("spk_0", "はい。", 1, 4, "window"), Turn("spk_1", "もしもし。", 1, 4, "window"))
UNSURE = replace(
    transcript(Turn("Ana", "bom dia, senhor", 0, 4, "aligned", low_confidence=((0, 2), (4, 7)))), language="Portuguese"
)
PARTIAL = replace(TIMED, warnings=(partial_warning(12.5), TranscriptWarning("loop", "said twice")))
NOTICE = "[incomplete: only the first 12 s are in this transcript]"
TO_THE_LEFT = "\u200f"
"""What stands before the label of a text from right to left."""
