"""What tests of the page's handlers share."""

from __future__ import annotations

from kikitori.tasks import choose_checkpoints
from kikitori.transcript import Transcript, TranscriptWarning, Turn

CHECKPOINTS = choose_checkpoints(["tiny"])
MADE = Transcript(
    audio="a.wav",
    turns=(Turn("spk_0", "はい。", 0.5, 1.25, "aligned"),),
    direction="diarize",
    language="Japanese",
    checkpoint="tiny",
    duration_seconds=2.0,
    raw_text="<|spk_0|> はい。",
    warnings=(TranscriptWarning("budget", "a sentence"),),
)
