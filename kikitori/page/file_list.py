"""How far each recording of a job has got."""

from __future__ import annotations

from pathlib import Path

from kikitori.errors import SpeechError
from kikitori.page.messages import error_message, error_record


class FileList:
    """How far each recording of a job has got, for static/recordings.js.

    For each: its path and name; its state, which is waiting, running, done or failed; the number of its sheet, if it
    has one; and the error, if it failed.
    """

    def __init__(self, paths: list[str], first: int):
        self._files = [{"path": path, "name": Path(path).name, "state": "waiting"} for path in paths]
        self._errors: list[SpeechError] = []
        self._first = first

    def begin(self, number: int, sheet: int) -> None:
        """Note that a recording is being transcribed, and the number of the sheet that it will have."""
        self._files[number] |= {"state": "running", "sheet": sheet}

    def end(self, number: int) -> None:
        """Note that a recording is transcribed."""
        self._files[number]["state"] = "done"

    def fail(self, number: int, error: SpeechError, has_sheet: bool) -> None:
        """Note why a recording could not be transcribed to its end."""
        self._errors.append(error)
        self._files[number] |= {"state": "failed", "error": error_record(error)}
        if not has_sheet:
            del self._files[number]["sheet"]

    def record(self) -> dict:
        """What the view shows of the files. One alone has no list, unless it is added to others."""
        files = [dict(file) for file in self._files]
        return {"files": files if len(files) > 1 or self._first else [], "first": self._first}

    def message(self, sheets: list[dict]) -> dict | None:
        """The message at the end: why nothing was transcribed, or why the only recording broke off."""
        is_told = (sheets or self._first) and self.record()["files"]
        return error_message(*self._errors) if self._errors and not is_told else None
