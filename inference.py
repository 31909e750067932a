"""Speech to text with three fine-tunes of Qwen3-ASR-1.7B: what a caller imports, and the command line.

    python inference.py audio.wav --direction en2ja

    from inference import load_model, transcribe
    transcript = transcribe(load_model("en2ja"), "audio.wav")

Importing this module, and `--help`, import neither torch nor qwen_asr.
"""

from __future__ import annotations

from kikitori.cli.run import EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED, main
from kikitori.tasks import TASKS, Task, check_alignable, choose_checkpoint, get_source, get_task
from kikitori.transcribe import MAX_SECONDS, Model, load_aligner, load_model, stream, stream_with, transcribe

__all__ = [
    "EXIT_DONE",
    "EXIT_FAILED",
    "EXIT_INCOMPLETE",
    "EXIT_INTERRUPTED",
    "MAX_SECONDS",
    "TASKS",
    "Model",
    "Task",
    "check_alignable",
    "choose_checkpoint",
    "get_source",
    "get_task",
    "load_aligner",
    "load_model",
    "main",
    "stream",
    "stream_with",
    "transcribe",
]

if __name__ == "__main__":
    raise SystemExit(main())
