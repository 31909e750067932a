"""Transcripts as files: one writer a format, and a file that is whole or not there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from speech.transcript import Transcript, Turn


def write_txt(transcript: Transcript) -> str:
    """One line a turn; a turn with a speaker begins `[spk_0]: `."""
    return "".join(f"{_line(turn)}\n" for turn in transcript.turns)


def write_json(transcript: Transcript) -> str:
    """`Transcript.to_dict` as JSON, for people to read: indented, in its own script."""
    return json.dumps(transcript.to_dict(), ensure_ascii=False, indent=2) + "\n"


# File name suffix -> writer; each returns the text of the whole file.
WRITERS: dict[str, Callable[[Transcript], str]] = {"txt": write_txt, "json": write_json}


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text so that the file is the old one or the new one, never a part of it.

    An existing file keeps its permissions; a new one gets those of any new file. Raises OSError
    where the folder or the disk does not allow it, UnicodeEncodeError for a lone surrogate.
    """
    path = Path(path)
    # Not tempfile's: its files are 0600, and whoever serves or shares the folder could not read it.
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _line(turn: Turn) -> str:
    words = " ".join(filter(None, map(str.strip, turn.text.splitlines())))
    return words if turn.speaker is None else f"[{turn.speaker}]: {words}"
