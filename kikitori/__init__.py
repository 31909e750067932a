"""Kikitori: speech to text with fine-tunes of Qwen3-ASR.

from kikitori import load_model, transcribe
print(transcribe(load_model("en2ja"), "talk.m4a").text)
"""

import os

from kikitori.errors import AudioError, CheckpointError, OutputError, SpeechError, TaskError, TextError
from kikitori.transcribe import Model, load_model, stream, transcribe
from kikitori.transcript import Transcript, TranscriptWarning, Turn, Word
from kikitori.update import Draft, Transcription, Update
from kikitori.waiting import spin_briefly

spin_briefly(os.environ)  # torch is loaded by the first job

__version__ = "0.1.0"
"""The only place of the version: pyproject.toml and `kikitori --version` read it here."""

__all__ = [
    "AudioError",
    "CheckpointError",
    "Draft",
    "Model",
    "OutputError",
    "SpeechError",
    "TaskError",
    "TextError",
    "Transcript",
    "TranscriptWarning",
    "Transcription",
    "Turn",
    "Update",
    "Word",
    "__version__",
    "load_model",
    "stream",
    "transcribe",
]
