"""Recordings and outputs behind URLs such as s3://, gs:// and hf://, through fsspec.

fsspec finds the library for each kind of URL, and that library finds the user's credentials. This is the only file
that fetches what a user names. The page and the API never import it.
"""

from __future__ import annotations

import posixpath
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from kikitori.errors import AudioError, BatchError, OutputError
from kikitori.strings import displayed

OBJECT_STORES = frozenset("s3 s3a gs gcs az abfs abfss adl oci oss tos hf memory".split())
"""Their uploads replace an object as a whole, or leave it as it was."""
VERSIONS = ("ETag", "etag", "md5Hash", "blob_id", "LastModified", "last_modified", "updated", "mtime", "created")
"""Where file systems say what changes with a file's content, the surest first."""


class RemoteFile(NamedTuple):
    """A file behind a URL. version: changes with its content; size in bytes. None if that is not known."""

    url: str
    size: int | None = None
    version: str | None = None

    @property
    def name(self) -> str:
        """Its name without folders."""
        return posixpath.basename(self.url)


def is_url(text: str) -> bool:
    """Whether a text is a URL rather than a path."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) is not None


def join_url(folder: str, place: str) -> str:
    """Return the URL of a place below a folder; `..` leads out of it."""
    scheme, _, path = folder.partition("://")
    return f"{scheme}://{posixpath.normpath(posixpath.join(path, place))}"


def list_folder(url: str, recursive: bool) -> Iterator[tuple[str, RemoteFile]]:
    """Yield the files of a folder, with their places below it. Hidden files and folders are left out.

    Raises AudioError if it can't be read, BatchError if there is no library for such URLs.
    """
    files, root = _open(url)
    folders = [root]
    while folders:
        folder = folders.pop()
        with _reading(url):
            files.invalidate_cache(folder)
            entries = sorted(files.ls(folder, detail=True), key=lambda entry: entry["name"])
            files.invalidate_cache(folder)  # which would hold all of a large bucket
        found = []
        for entry in entries:
            place = posixpath.relpath(entry["name"].rstrip("/"), root.rstrip("/") or "/")
            if place == "." or posixpath.basename(place).startswith("."):
                continue
            if entry["type"] != "directory":
                yield place, _described(join_url(url, place), entry)
            elif recursive:
                found.append(entry["name"])
        folders += reversed(found)


def is_folder(url: str) -> bool:
    """Whether a URL names a folder. Raises AudioError and BatchError."""
    files, path = _open(url)
    with _reading(url):
        return files.isdir(path)


def exists(url: str) -> bool:
    """Whether there is a file or folder. Raises AudioError and BatchError."""
    files, path = _open(url)
    with _reading(url):
        return files.exists(path)


def find_file(url: str) -> RemoteFile:
    """Return a file with its size and version. Raises AudioError if it can't be read, and BatchError."""
    files, path = _open(url)
    with _reading(url):
        return _described(url, files.info(path))


def read_bytes(url: str) -> bytes:
    """Return a file's content. Raises AudioError and BatchError."""
    files, path = _open(url)
    with _reading(url):
        return files.cat_file(path)


def fetch(url: str, path: Path) -> None:
    """Copy a file behind a URL to a local one, whose folder is made. Raises AudioError and BatchError."""
    files, source = _open(url)
    with _reading(url):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.get_file(source, str(path))


def send(path: Path, url: str) -> None:
    """Copy a local file to a URL: as a whole, or not at all. Raises OutputError and BatchError."""
    files, target = _open(url)
    with _writing(url):
        if not OBJECT_STORES.isdisjoint([files.protocol] if isinstance(files.protocol, str) else files.protocol):
            files.put_file(str(path), target)
            return
        folder, _, _ = target.rpartition("/")
        files.makedirs(folder, exist_ok=True)
        temporary = f"{folder}/.{secrets.token_hex(8)}.tmp"
        try:
            files.put_file(str(path), temporary)
            if files.exists(target):
                files.rm_file(target)  # some file systems do not replace a file when they move another one there
            files.mv(temporary, target)
        except BaseException:
            with suppress(Exception):
                files.rm_file(temporary)
            raise


def remove(url: str) -> None:
    """Delete a file. Raises OutputError and BatchError."""
    files, path = _open(url)
    with _writing(url):
        files.rm_file(path)


def _described(url: str, entry: dict[str, Any]) -> RemoteFile:
    version = next((str(entry[key]) for key in VERSIONS if entry.get(key)), None)
    return RemoteFile(url, entry.get("size"), version)


def _open(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path there. Raises BatchError."""
    import fsspec
    from fsspec.registry import known_implementations

    protocol = url.partition("://")[0].lower()
    try:
        return fsspec.url_to_fs(protocol + url[len(protocol) :])
    except ImportError as error:
        package = known_implementations.get(protocol, {}).get("class", "fsspec.").partition(".")[0]
        why = str(error) if package == "fsspec" else f"pip install {package}"
        raise BatchError("url_needs_library", name=displayed(url), why=why) from error
    except Exception as error:
        raise BatchError("url_unusable", name=displayed(url), why=_why(error)) from error


@contextmanager
def _reading(url: str) -> Iterator[None]:
    """Each library has errors of its own."""
    try:
        yield
    except Exception as error:
        raise AudioError("url_unreadable", name=displayed(url), why=_why(error)) from error


@contextmanager
def _writing(url: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise OutputError("url_unwritable", path=displayed(url), why=_why(error)) from error


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    return displayed(getattr(error, "strerror", None) or str(error) or type(error).__name__)
