"""The page on an imitated ZeroGPU Space (tests/support/zero_gpu_app.py)."""

from __future__ import annotations

import json
import os
import re
import signal

import httpx
import numpy as np
import pytest
import soundfile
from gradio_client import Client
from gradio_client.exceptions import AppError
from safetensors import safe_open

from benchmarks.load import request
from benchmarks.served import ROOT, served
from kikitori.audio.files import load_audio
from kikitori.tasks import TASKS
from tests.support.browser import open_tab, run_button, upload, visit, wait_for_end
from tests.support.recordings import one_recording
from tests.support.server import PATIENCE_SECONDS, jobs_in, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("zero_gpu")


@pytest.fixture(scope="module")
def server(folder):
    with served(log=folder / "log", program=("-m", "tests.support.zero_gpu_app", str(folder))) as (_, address):
        yield address


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("long") / "talk.flac"
    soundfile.write(path, np.tile(load_audio(one_recording("pt").path), 200), 16000)
    return path


def asked(folder, what: str) -> list[dict]:
    """The requests to the service for this path."""
    lines = (folder / "asked").read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["what"] == what]


def lent(folder) -> list[dict]:
    """The requests for a GPU that the service did not refuse."""
    return [one for one in asked(folder, "/schedule") if one.get("token") != "spent"]


def answers(server: str, direction: str = "pt") -> bool:
    """Whether the API transcribes a recording correctly."""
    recording = one_recording(direction)
    transcript = Client(server, verbose=False).predict(**request(direction, recording.path))
    return transcript["text"] == recording.text


def weights_in(folder) -> int:
    with safe_open(folder / "model.safetensors", "pt") as weights:
        return len(weights.keys())


def test_a_worker_gets_all_weights_that_were_loaded_at_the_start(server, folder):
    assert answers(server)
    device_and_dtype = int((folder / "unpacked").read_text())
    assert device_and_dtype >= sum(weights_in(ROOT / "assets" / name) for name in ("tiny", "tiny_aligner"))


A_DRAFT_GROWS = """() => {
    const before = window.drafted ?? [];
    window.drafted = [...document.querySelectorAll(".draft p")].map((paragraph) => paragraph.textContent);
    return before.length && before.length === window.drafted.length && before.join() !== window.drafted.join();
}"""
"""Compares two drafts of the same group of windows, that is with the same number of lines."""


@pytest.mark.parametrize("direction", TASKS)
def test_a_worker_answers_and_only_the_time_that_the_clip_needs_is_requested(server, folder, direction):
    before = len(asked(folder, "/release"))
    assert answers(server, direction)
    seconds = len(load_audio(one_recording(direction).path)) / 16000
    requests = asked(folder, "/schedule")[before:]
    assert [int(one["durationSeconds"]) for one in requests] == [pytest.approx(15 + seconds / 2, abs=1)]
    assert [one["fail"] for one in asked(folder, "/release")[before:]] == ["false"]


def test_a_job_of_openais_api_is_charged_to_its_visitor(server, folder):
    """Hugging Face adds the token to each request."""
    recording = one_recording("pt")
    api = f"{server.rstrip('/')}/v1/audio/transcriptions"
    for visitor in ("one", "two"):
        form = {"data": {"model": "pt"}, "files": {"file": recording.path.read_bytes()}}
        answer = httpx.post(api, **form, headers={"X-IP-Token": visitor}, timeout=PATIENCE_SECONDS)
        assert answer.json()["text"] == recording.reference
        assert asked(folder, "/schedule")[-1]["token"] == visitor
    refused = httpx.post(api, **form, headers={"X-IP-Token": "spent"}, timeout=PATIENCE_SECONDS)
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "gpu_quota")
    assert re.match(
        r"ZeroGPU lends no GPU now: You have exceeded your .* quota \(\d+s requested vs. 3s left\)", error["message"]
    )


def test_the_language_is_checked_within_the_same_request(server, folder):
    before = len(asked(folder, "/schedule"))
    english = one_recording("en2ja")
    transcript = Client(server, verbose=False).predict(**request("pt", english.path))
    assert [warning["kind"] for warning in transcript["warnings"]][:1] == ["other_language"]
    assert len(asked(folder, "/schedule")) == before + 1


def test_a_draft_is_shown_while_a_worker_decodes_and_stop_returns_the_gpu(server, folder, browser, long_recording):
    before = len(jobs_in(folder / "log"))
    with visit(browser, server) as page:
        panel = open_tab(page, "pt")
        upload(panel, long_recording)
        run_button(panel, "pt").click()
        page.wait_for_function(A_DRAFT_GROWS)
        panel.get_by_role("button", name="Stop", exact=True).click()
        wait_for_end(panel)
        # While the page is open: closing it would stop the job, too.
        until(lambda: len(jobs_in(folder / "log")) > before)
        assert jobs_in(folder / "log")[-1]["ended"] == "stopped"
    until(lambda: len(lent(folder)) == len(asked(folder, "/release")))
    assert answers(server)


def test_a_worker_that_dies_is_one_sentence_and_the_next_one_answers(server, folder, long_recording):
    (folder / "worker").unlink(missing_ok=True)
    job = Client(server, verbose=False).submit(**request("pt", long_recording))
    until((folder / "worker").exists)
    os.kill(int((folder / "worker").read_text()), signal.SIGKILL)
    with pytest.raises(AppError, match="GPU task aborted"):
        job.result()
    assert answers(server)
