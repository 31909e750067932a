"""The journal of a recording whose output goes to a URL: a local file, with a copy there for the next worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from kikitori.batch.remote import exists, fetch, remove, send
from kikitori.errors import AudioError, OutputError

SECONDS = 60.0
"""How often a journal that has grown is sent: so much of the work is done again if this worker is lost."""


@contextmanager
def copied_journal(path: Path, url: str) -> Iterator[None]:
    """Fetch the journal that another worker left, and keep the copy up to date while the block works.

    path: where the block writes it. url: of the copy, which is deleted after the block; an error in the block leaves
    it. Raises BatchError.
    """
    copy = _Copy(path, url)
    ended = Event()
    sender = Thread(target=copy.send_until, args=(ended,), name="journal", daemon=True)
    sender.start()
    try:
        yield
    except BaseException:
        _join(sender, ended)
        copy.send()
        raise
    _join(sender, ended)
    copy.remove()


class _Copy:
    """What was sent of a journal, which only grows."""

    def __init__(self, path: Path, url: str):
        self._path, self._url = path, url
        with suppress(AudioError):  # then the recording starts from its beginning
            if exists(url):
                fetch(url, path)
        self._sent_bytes = self._size()

    def send_until(self, ended: Event) -> None:
        while not ended.wait(SECONDS):
            self.send()

    def send(self) -> None:
        """Send the journal if it has grown."""
        if (size := self._size()) == self._sent_bytes:
            return
        with suppress(OutputError):  # it is tried again; the output, which goes to the same place, says what is wrong
            send(self._path, self._url)
            self._sent_bytes = size

    def remove(self) -> None:
        if self._sent_bytes:
            with suppress(OutputError):  # the output is there, and a journal without use does no harm
                remove(self._url)

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0


def _join(sender: Thread, ended: Event) -> None:
    ended.set()
    sender.join()
