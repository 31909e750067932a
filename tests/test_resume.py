"""A job that is killed goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import soundfile
from conftest import RECORDINGS, ROOT, recordings_in

from inference import load_model, stream_transcript, transcribe
from speech.audio import load_audio
from speech.checkpoints import TINY
from speech.decoded import Decoded
from speech.errors import OutputError
from speech.formats import write_json
from speech.journal import Journal, journal_path
from speech.records import read_records

JOB = {"direction": "pt", "weights_sha256": "0", "placed": "cpu (float32)"}
SOUNDS = [np.full(10, number, np.float32) for number in range(4)]


def joined(direction: str, seconds: float) -> np.ndarray:
    """A direction's recordings again and again, two seconds of quiet after each."""
    quiet = np.random.default_rng(0).normal(0, 1e-4, 2 * 16000).astype(np.float32)
    paths = [recording.path for recording in recordings_in(RECORDINGS) if recording.direction == direction]
    sound = np.concatenate([part for path in paths for part in (load_audio(path), quiet)])
    return np.resize(sound, round(seconds * 16000))


def test_a_killed_job_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    """SIGKILL as soon as the first windows of a five-minute call are done; the file is the same, byte for byte."""
    recording, output = tmp_path / "long.flac", tmp_path / "out"
    soundfile.write(recording, joined("diarize", 300), 16000)
    command = [sys.executable, ROOT / "inference.py", recording, "--direction", "diarize", "--checkpoint", "tiny"]
    command += ["-f", "json", "-o", output]
    journal = output / "long.diarize.journal"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not journal.exists():
            pass
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert os.listdir(output) == [journal.name]
    kept = max(0, len(list(read_records(journal))) - 1)

    resumed = subprocess.run([*command, "--resume"], capture_output=True, text=True)
    assert ("windows are taken from" in resumed.stderr) == bool(kept)
    assert os.listdir(output) == ["long.json"]
    expected = transcribe(load_model("diarize", checkpoint="tiny"), recording)
    assert len(expected.raw_text.splitlines()) > 8
    assert (output / "long.json").read_text(encoding="utf-8") == write_json(expected)


@pytest.mark.parametrize("direction", ["diarize", "pt"])
def test_what_is_in_the_journal_is_not_decoded_again(tmp_path, direction):
    """Broken off after each group of windows."""
    model = load_model(direction, checkpoint="tiny")
    checkpoint = replace(TINY, window_seconds=8)
    model = replace(model, checkpoint=checkpoint)
    sound = joined(direction, 60)
    plain = Counting(model.decode)
    expected = transcribe(counted(model, plain), sound)
    assert len(plain.asked) > 6
    for group in range(3):
        path = tmp_path / f"{group}.journal"
        stream = stream_transcript(model, sound, journal=Journal(path, JOB, resume=False))
        list(islice(stream, 2**group))
        stream.close()
        journal, again = Journal(path, JOB, resume=True), Counting(model.decode)
        assert journal.resumed >= 2**group
        assert transcribe(counted(model, again), sound, journal=journal) == expected
        assert len(again.asked) == len(plain.asked) - journal.resumed
