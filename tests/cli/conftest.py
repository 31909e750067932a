"""The command line, run in this process, and recordings for it."""

from __future__ import annotations

import shutil
from subprocess import CompletedProcess

import pytest

from kikitori.cli import run as command_line
from tests.support.command_line import CLIPS


@pytest.fixture
def run(capfd):
    """Run the command line in this process; starting one takes longer than most tests."""

    def run(*arguments: object) -> CompletedProcess:
        words = list(map(str, arguments))
        try:
            code = command_line.main(words)
        except SystemExit as ended:  # wrong usage, --help, --version
            code = ended.code
        return CompletedProcess(words, code, *capfd.readouterr())

    return run


@pytest.fixture
def tiny(run):
    return lambda direction, *arguments: run(*arguments, "--direction", direction, "--checkpoint", "tiny")


@pytest.fixture
def two_clips(tmp_path):
    """Two short Portuguese recordings, a.flac and b.flac."""
    paths = [clip.path for clip in CLIPS]
    return [shutil.copy(path, tmp_path / name) for path, name in zip(paths, ("a.flac", "b.flac"), strict=True)]
