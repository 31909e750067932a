"""Speech to text with three fine-tunes of Qwen3-ASR-1.7B: what a caller imports, and the command line.

    python inference.py audio.wav --direction en2ja

    from inference import load_model, transcribe
    transcript = transcribe(load_model("en2ja"), "audio.wav")

Importing this module, and `--help`, import neither torch nor qwen_asr.
"""

from __future__ import annotations

from command_line.job import EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED, main
from speech.directions import (
    DIRECTIONS,
    Direction,
    check_alignable,
    choose_checkpoint,
    get_direction,
    get_source,
)
from speech.transcribing import MAX_SECONDS, Model, load_aligner, load_model, stream_transcript, stream_with, transcribe

__all__ = [
    "DIRECTIONS",
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "MAX_SECONDS",
    "Direction",
    "Model",
    "check_alignable",
    "choose_checkpoint",
    "get_direction",
    "get_source",
    "load_aligner",
    "load_model",
    "main",
    "stream_transcript",
    "stream_with",
    "transcribe",
]

if __name__ == "__main__":
    raise SystemExit(main())
