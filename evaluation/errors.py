"""The base class of the errors that the tools raise themselves."""

from __future__ import annotations

from kikitori.errors import SpeechError


class ToolError(SpeechError):
    """An error of evaluation or training with one English sentence. It has no code: the page never shows it."""

    def __init__(self, sentence: str):
        Exception.__init__(self, sentence)
