"""Writing results: whole files, a check before the work, and standard output."""

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
    """Write UTF-8 text to a file, which is either replaced as a whole or left as it was.

    An existing file keeps its permissions; a new one gets the usual permissions of new files. Raises OSError if the
    folder or the disk does not allow it, and UnicodeEncodeError for a lone surrogate.
    """
    path = Path(path)
    # The module tempfile makes files of mode 0600, which other users of the folder could not read.
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
    """Check, before the work, that its result can be written; makes the folder if it is missing.

    Raises AudioError if the recording's name is too long for that of the result, and OutputError otherwise.
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
    """Write a file as `write_atomically` does. Raises OutputError."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise OutputError.from_os_error(path, error) from error


def print_output(text: str) -> None:
    """Write to standard output. Characters that its encoding does not have are written as `?`.

    Raises OutputError if it can't be written, such as to a full disk, and BrokenPipeError if it is closed, or if the
    program that reads the pipe has ended.
    """
    if sys.stdout is None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
    try:
        print(text, end="", flush=True)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print_output(text.encode(encoding, "replace").decode(encoding))
    except OSError as error:
        # Python flushes the buffer once more when it ends; without this the error would come again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise OutputError("stdout_unwritable", why=error.strerror) from error
