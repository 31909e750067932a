"""A stopped job resumes where it was: what it had decoded is not decoded again."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import soundfile

from kikitori.audio.files import load_audio
from kikitori.engines import zero_gpu
from kikitori.page import jobs
from kikitori.result import DecodingResult
from kikitori.server import unfinished
from kikitori.server.unfinished import UnfinishedJobs
from kikitori.tasks import choose_checkpoints
from tests.support.recordings import RECORDINGS, recordings_in

OPTIONS = jobs.JobOptions("pt", choose_checkpoints(["tiny"]))
RESULT = DecodingResult("sim", "end", (1,), (-0.1,))


@pytest.fixture
def talk(tmp_path):
    """A recording of several batches."""
    once = np.concatenate([load_audio(recording.path) for recording in recordings_in(RECORDINGS, "pt")])
    soundfile.write(tmp_path / "talk.flac", np.tile(once, 4), 16000)
    return str(tmp_path / "talk.flac")


@pytest.fixture
def decoded(monkeypatch):
    """The samples of all windows that were decoded so far."""
    samples, run = [], zero_gpu.run_on_gpu

    def noted(request):
        samples.extend(map(len, request.waveforms))
        return run(request)

    monkeypatch.setattr(zero_gpu, "run_on_gpu", noted)
    return samples


def sheet_of(path: str) -> dict:
    *_, (_, last) = jobs.read_recordings([path], OPTIONS)
    return last["sheets"][0]


@pytest.mark.slow
def test_a_job_goes_on_where_it_was_stopped(talk, decoded):
    whole = sheet_of(talk)
    once = sum(decoded)
    decoded.clear()
    with closing(jobs.read_recordings([talk], OPTIONS)) as steps:
        next(view for _, view in steps if view and view.get("append", {}).get("transcript", {}).get("turns"))
    before = sum(decoded)
    assert 0 < before < once
    assert sheet_of(talk) == whole
    assert sum(decoded) == once
    assert jobs.UNFINISHED.begin(jobs.work_of(OPTIONS, talk)).results == {}  # it has come to its end


def test_the_oldest_jobs_are_forgotten(monkeypatch):
    monkeypatch.setattr(unfinished, "MAX_WINDOWS", 3)
    kept = UnfinishedJobs()
    for name in "ab":
        kept.begin(name).add({f"{name}{number}": RESULT for number in range(2)})
    assert [len(kept.begin(name).results) for name in "ba"] == [2, 0]
    monkeypatch.setattr(unfinished, "KEEP_SECONDS", -1)
    assert kept.begin("b").results == {}
