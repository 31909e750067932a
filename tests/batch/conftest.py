"""Jobs of many recordings, run in this process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kikitori.cli.run import main
from kikitori.engines.local import LocalEngine
from tests.support.recordings import RECORDINGS, recordings_in


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six Portuguese recordings, one of them in a subfolder, and three files that hold no sound."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for recording in recordings_in(RECORDINGS, "pt")[:6]:
        shutil.copy(recording.path, folder)
    (folder / "pt_5.flac").rename(folder / "deep" / "pt_5.flac")
    (folder / "empty.mp3").touch()
    (folder / "noise.wav").write_bytes(b"no sound" * 100)
    (folder / "deep" / "cut.flac").write_bytes((folder / "pt_0.flac").read_bytes()[:100])
    return folder


@pytest.fixture
def batch(tmp_path):
    """Run a Portuguese batch whose output goes to the folder `out`; returns the exit code."""

    def batch(source: Path, *options: object, out: str = "out") -> int:
        words = ["batch", source, "--direction", "pt", "--checkpoint", "tiny", "-o", tmp_path / out, *options]
        return main(list(map(str, words)))

    return batch


@pytest.fixture
def decoded(monkeypatch):
    """How many windows were decoded at once, in a list; without those of the language check."""
    counts = []
    stream = LocalEngine.stream

    def counting(self, waveforms, prompt, max_tokens=None):
        if max_tokens is None:
            counts.append(len(waveforms))
        return stream(self, waveforms, prompt, max_tokens)

    monkeypatch.setattr(LocalEngine, "stream", counting)
    return counts
