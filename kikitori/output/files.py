"""Where results go: a file, checked before the work that fills it, or standard output."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from pathlib import Path

from kikitori.errors import AudioError, OutputError
from kikitori.strings import displayed


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


def check_writable(path: Path) -> None:
    """Find out, before the work, what would keep its result from being written; the folder is made.

    Raises AudioError where the recording's name is too long for one of the result, else OutputError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if stat.S_ISDIR(path.stat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            name = displayed(path.stem)
            raise AudioError("name_too_long", name=name, suffix=path.suffix) from error
        raise OutputError.from_os_error(path, error) from error


def write_output(path: Path, text: str) -> None:
    """Write a file that is whole or not there. Raises OutputError."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error


def print_output(text: str) -> None:
    """Write to standard output. Raises OutputError where the disk is full, or the reader has left."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        # What is still in the buffer would fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError("stdout_unwritable", why=error.strerror) from error
