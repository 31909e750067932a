"""A watched folder: recordings that arrive are transcribed, each once."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from benchmarks.served import ROOT
from kikitori.cli.run import main
from tests.support.recordings import RECORDINGS, recordings_in

pytestmark = pytest.mark.slow
ONE, TWO, THREE = (recording for recording in recordings_in(RECORDINGS, "en2ja")[:3])


class Watching:
    """A running `kikitori watch`."""

    def __init__(self, process: subprocess.Popen[str]):
        self._process = process

    def line(self) -> dict:
        """The next line that it prints."""
        return json.loads(self._process.stdout.readline())

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and what was printed since the last line."""
        self._process.send_signal(number)
        rest, _ = self._process.communicate()
        return self._process.returncode, rest


@contextlib.contextmanager
def watching(incoming, output, *options: str) -> Iterator[Watching]:
    command = [sys.executable, "-m", "kikitori", "watch", str(incoming), str(output), "--direction", "en2ja"]
    command += ["--checkpoint", "tiny", "--settle", "0.5", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


def test_each_recording_is_transcribed_once_when_it_has_stopped_growing(tmp_path):
    incoming, output = tmp_path / "in", tmp_path / "out"
    incoming.mkdir()
    shutil.copy(ONE.path, incoming / "one.flac")
    (incoming / "notes.txt").write_text("no recording")
    (incoming / ".hidden.flac").write_text("no recording")
    with watching(incoming, output) as watch:
        assert watch.line() == {
            "recording": str(incoming / "one.flac"),
            "state": "done",
            "outputs": [str(output / "one.flac.txt")],
            "messages": [],
        }
        assert (output / "one.flac.txt").read_text() == f"{ONE.reference}\n"
        content = TWO.path.read_bytes()
        with (incoming / "two.flac").open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            (incoming / "broken.wav").write_bytes(b"no sound")  # its line comes after both had time to settle
            os.utime(incoming / "two.flac")
            file.write(content[len(content) // 2 :])
        lines = sorted((watch.line() for _ in range(2)), key=lambda line: line["recording"])
        assert [line["state"] for line in lines] == ["failed", "done"]
        assert lines[0]["outputs"] == [] and "broken.wav" in lines[0]["messages"][0]
        assert (output / "two.flac.txt").read_text() == f"{TWO.reference}\n"
        assert watch.end(signal.SIGTERM) == (0, "")
    assert sorted(path.name for path in output.iterdir()) == [".kikitori-watch.jsonl", "one.flac.txt", "two.flac.txt"]

    (incoming / "broken.wav").unlink()
    (output / "two.flac.txt").unlink()
    shutil.copy(THREE.path, incoming / "one.flac")  # another recording under the same name
    with watching(incoming, output) as watch:
        lines = [watch.line() for _ in range(2)]
        assert [line["recording"] for line in lines] == [str(incoming / name) for name in ("one.flac", "two.flac")]
        assert (output / "one.flac.txt").read_text() == f"{THREE.reference}\n"
        assert watch.end(signal.SIGINT) == (0, "")


def test_what_is_wrong_is_said_before_a_model_is_loaded(tmp_path, capsys):
    for arguments, message in (
        ([str(tmp_path / "none"), "out", "--direction", "pt"], "none is not a folder"),
        ([str(tmp_path), "out", "--direction", "pt", "--settle", "-1"], "--settle is -1: give 0 or more seconds"),
        ([str(tmp_path), "out"], "--direction"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["watch", *arguments])
        assert message in capsys.readouterr().err
