"""Journals behind URLs: what a lost worker has done is not done again."""

from __future__ import annotations

import pytest
import soundfile

from kikitori.batch import remote_journal
from kikitori.batch.remote import send
from kikitori.cli.run import EXIT_DONE, EXIT_INTERRUPTED, main
from kikitori.engines.local import LocalEngine
from tests.support.batch import written
from tests.support.recordings import repeated
from tests.support.server import until

JOURNAL = "talk.flac.pt.journal"


@pytest.fixture
def transcribe(tmp_path):
    """Transcribe a recording of two windows, which are decoded one after the other, into a folder behind a URL."""
    folder = tmp_path / "in"
    folder.mkdir()
    soundfile.write(folder / "talk.flac", repeated("pt", 52), 16000)

    def transcribe(out: str) -> int:
        words = ["batch", folder, "--direction", "pt", "--checkpoint", "tiny", "-f", "json"]
        return main([*map(str, words), "-o", f"file://{tmp_path.as_posix()}/{out}"])

    return transcribe


def test_another_worker_continues_where_one_was_lost(transcribe, tmp_path, decoded, monkeypatch):
    stream = LocalEngine.stream
    journal = tmp_path / "out" / JOURNAL
    while_it_worked: list[str] = []

    def lose_worker_at_second(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None and len(decoded) == 1:
            until(journal.exists)
            while_it_worked.append(journal.read_text())
            raise KeyboardInterrupt
        return stream(self, waveforms, prompt, max_tokens)

    monkeypatch.setattr(remote_journal, "SECONDS", 0.01)
    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "stream", lose_worker_at_second)
        assert transcribe("out") == EXIT_INTERRUPTED
    assert written(tmp_path / "out") == {JOURNAL: while_it_worked[0]}, "it was sent while the worker was at work"
    assert transcribe("out") == EXIT_DONE
    assert sum(decoded) == 2, "no window was decoded twice"
    assert transcribe("undisturbed") == EXIT_DONE
    made = written(tmp_path / "out")
    assert set(made) == {"talk.flac.json"} and made == written(tmp_path / "undisturbed")


@pytest.mark.parametrize("can_send", [True, False])
def test_what_ends_early_sends_its_journal(transcribe, tmp_path, decoded, monkeypatch, can_send):
    stream = LocalEngine.stream

    def interrupt_second(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None and len(decoded) == 1:
            raise KeyboardInterrupt
        return stream(self, waveforms, prompt, max_tokens)

    with monkeypatch.context() as patch:
        patch.setattr(LocalEngine, "stream", interrupt_second)
        if not can_send:
            patch.setattr(remote_journal, "send", lambda path, url: send(path, f"{url}/below/a/file"))
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / JOURNAL).write_text("from another version")
        assert transcribe("out") == EXIT_INTERRUPTED
    assert set(written(tmp_path / "out")) == {JOURNAL}
    assert transcribe("out") == EXIT_DONE
    assert sum(decoded) == (2 if can_send else 3)
    assert set(written(tmp_path / "out")) == {"talk.flac.json"}
